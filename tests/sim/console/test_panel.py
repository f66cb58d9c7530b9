"""What the firmware drives is what the screen shows."""

from sim.board.events import OutputEvent
from sim.console.lanes import table
from sim.console.panel import Panel, css
from sim.view import Way


def pixels(*lights: tuple[int, int, int]) -> OutputEvent:
    # on the wire a WS2812 takes green first (Worldsemi WS2812B datasheet, page 5)
    chain = b"".join(bytes((green, red, blue)) for red, green, blue in lights)
    return OutputEvent(0, "lights", "pixels", data=chain)


def test_lights_are_taken_in_the_order_of_the_wire() -> None:
    panel = Panel()
    panel.take(pixels((1, 2, 3), *[(0, 0, 0)] * 6, (80, 40, 0)))
    assert panel.lights[0] == (1, 2, 3)
    assert panel.lights[7] == (80, 40, 0)


def test_a_short_chain_leaves_the_rest_as_it_was() -> None:
    panel = Panel()
    panel.take(pixels(*[(9, 9, 9)] * 8))
    panel.take(pixels((1, 1, 1)))
    assert panel.lights == [(1, 1, 1), *[(9, 9, 9)] * 7]


def test_sound_is_the_buzzers_and_ends_with_its_duty() -> None:
    panel = Panel()
    panel.take(OutputEvent(0, "buzzer", "pwm", 3000, 880))
    assert panel.tone_hz == 880
    panel.take(OutputEvent(0, "ir_supply", "level", 1))
    assert (panel.tone_hz, panel.version) == (880, 1)
    panel.take(OutputEvent(0, "buzzer", "pwm", 0, 880))
    assert panel.tone_hz == 0


def test_without_power_it_is_dark_and_silent_at_once() -> None:
    panel = Panel()
    panel.take(pixels(*[(9, 9, 9)] * 8))
    panel.take(OutputEvent(0, "buzzer", "pwm", 3000, 880))
    panel.dark()
    assert panel.tone_hz == 0 and set(panel.lights) == {(0, 0, 0)}
    version = panel.version
    panel.dark()
    assert panel.version == version


def test_a_dim_light_is_fainter_and_a_dark_one_none() -> None:
    assert css((0, 0, 0)) == ""
    assert css((60, 0, 0)).startswith("rgb(255 0 0 / 1.0")
    dim = float(css((8, 0, 0)).split("/ ")[1].rstrip(")"))
    assert 0.3 < dim < 0.6


def test_a_record_on_its_way_shows_how_far_it_came() -> None:
    way = Way("d1", 7, "DOSE compartment <2>", 10**18, {"spool": 10**18 + 42_000_000})
    text = table([way])
    assert "dose compartment &lt;2&gt;" in text
    # journal: it must have been there; spool: measured; the rest: not yet
    assert text.count('class="there"') == 2 and text.count('class="waits"') == 3
    assert ">42<" in text and ">there<" in text


def test_the_newest_record_is_on_top() -> None:
    text = table([Way("d1", 1, "BOOT", 0), Way("d1", 2, "STATE", 0)])
    assert text.index("state") < text.index("boot")
