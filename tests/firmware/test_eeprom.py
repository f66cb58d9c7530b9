"""The driver of the EEPROM that keeps the key, against one that takes its time."""

from pathlib import Path

from tests.support import micropython

SCRIPT = Path(__file__).parent / "device" / "mp_eeprom.py"


def test_a_second_driver_waits_for_what_the_first_began_and_not_for_ever() -> None:
    assert micropython.run(SCRIPT).splitlines() == ["b'key'", "gone"]
