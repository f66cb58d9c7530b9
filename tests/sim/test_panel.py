"""What the firmware drives is what a panel shows, and what its status light says."""

from sim.board.events import OutputEvent
from sim.panel import Panel


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


def tones(*changes: tuple[int, int]) -> list[str]:
    """What is heard of a buzzer that has these tones (Hz) at these ms."""
    panel = Panel()
    events = (
        OutputEvent(ms * 10**6 + 10**18, "buzzer", "pwm", bool(hz), hz) for ms, hz in changes
    )
    return [told for event in events if (told := panel.take(event))]


def test_a_beep_is_a_tone_of_its_own_and_no_part_of_a_chime() -> None:
    # docs/patient.md: a short beep; three notes that go up
    assert tones((0, 880), (120, 0), (5_000, 880)) == ["beep", "beep"]
    assert tones((0, 660), (250, 0), (350, 880), (600, 0), (700, 1100), (1100, 0)) == []


def test_without_power_it_is_dark_and_silent_at_once() -> None:
    panel = Panel()
    panel.take(pixels(*[(9, 9, 9)] * 8))
    panel.take(OutputEvent(0, "buzzer", "pwm", 3000, 880))
    panel.dark()
    assert panel.tone_hz == 0 and set(panel.lights) == {(0, 0, 0)}
    version = panel.version
    panel.dark()
    assert panel.version == version


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
