"""Parts of a dispenser that fail: what else there is to note is noted."""

from protocol.schema import FaultKind, TamperKind
from sim.scenario import Expectation, Outcome, Scenario, count, faults


def told(kind: str, what: int) -> Expectation:
    """A record of trouble tells this of its kind."""

    def check(outcome: Outcome) -> str:
        kinds = [int(getattr(record.data, "kind", -1)) for record in outcome.records(kind)]
        return "" if what in kinds else f"{kind} records tell {kinds}, not {what}"

    return check


SCENARIOS = (
    Scenario(
        "worn-out",
        "Something lies in a beam, a magnet holds the reed, the memory of the keys falls off.",
        days=0.1,
        diary="""
            day 1 00:05  fault beam_stuck d1 for 20 min
            day 1 00:12  open; take 1; close
            day 1 00:40  fault reed_stuck d1 for 20 min
            day 1 00:45  take 2; press 2
            day 1 00:50  close; open; close
            day 1 01:20  fault eeprom_dead d1 for 20 min
            day 1 01:25  open; take 3; close; press 1
        """,
        expect=(
            count("dose", 4),  # the one whose beam stays broken is one too
            count("response", 2),
            count("lid_closed", 3),  # the magnet holds, whatever hands do with the lid
            told("tamper", TamperKind.beam_without_lid),
            told("fault", FaultKind.stuck),
            faults("beam_stuck", "reed_stuck", "eeprom_dead"),
        ),
    ),
)
