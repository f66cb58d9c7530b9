"""What the firmware drives is what the screen shows."""

from sim.board.events import OutputEvent
from sim.console.lanes import after, table, words
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


def answers(*changes: tuple[int, tuple[int, int, int]]) -> list[str]:
    """What a status light says that becomes these colours at these ms."""
    panel, said = Panel(), []
    for ms, colour in changes:
        panel.take(
            OutputEvent(
                ms * 10**6 + 10**18,
                "lights",
                "pixels",
                data=bytes(21) + bytes((colour[1], colour[0], colour[2])),
            )
        )
        said += [panel.says] if panel.says not in (said[-1:] or [""]) else []
    return said


WHITE, GREEN, BLUE, DARK = (60, 60, 60), (0, 60, 0), (0, 0, 80), (0, 0, 0)


def test_the_status_lights_answers_are_read_as_the_patients_page_tells_them() -> None:
    # docs/patient.md and its pictures: one flash; two flashes; one long glow; two long glows
    assert answers((0, WHITE), (400, DARK)) == ["pressed"]
    assert answers((0, WHITE), (250, DARK), (450, WHITE), (650, DARK)) == ["noted"]
    assert answers((0, GREEN), (1500, DARK)) == ["delivered"]
    glows = ((0, GREEN), (1500, DARK), (2000, GREEN), (3500, DARK))
    assert answers(*glows) == ["delivered", "seen"]
    dim = ((0, (8, 8, 8)), (250, DARK), (450, (8, 8, 8)), (650, DARK))
    assert answers(*dim) == ["noted"]


def test_states_of_the_status_light_are_no_answers() -> None:
    assert answers((0, GREEN), (200, DARK), (10_000, GREEN), (10_200, DARK)) == []
    assert answers((0, BLUE), (2000, DARK), (10_000, BLUE)) == []
    assert answers((0, WHITE), (5000, BLUE)) == []


def test_how_long_after_is_told_in_what_fits() -> None:
    seconds = (0.042, 0.9, 1.5, 50, 130, 8_000, 200_000)
    told = [after(round(s * 1e9)) for s in seconds]
    assert told == ["42", "900", "1.5 s", "50 s", "2.2 min", "2.2 h", "2.3 d"]
    assert after(-5) == "there"


def test_a_mask_of_compartments_is_told_as_numbers() -> None:
    assert words("LID_CLOSED compartments 5") == "lid closed, 1 3 reached"
    assert words("LID_CLOSED compartments 0") == "lid closed, none reached"
    assert words("DOSE_END compartment 4") == "dose end, 4"
    assert words("RESPONSE button 3") == "response button 3"
