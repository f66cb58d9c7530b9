"""What techs do with the real tools, and what breaks meanwhile."""

from protocol.schema import Mode, ReleaseAction
from sim.scenario import Expectation, Outcome, Scenario, count, faults


def confirmed(outcome: Outcome) -> str:
    """A release was received, started and confirmed, by the dispenser's own records."""
    told = [getattr(record.data, "action", None) for record in outcome.records("release")]
    wanted = [ReleaseAction.received, ReleaseAction.started, ReleaseAction.confirmed]
    return "" if told[-len(wanted) :] == wanted else f"release records tell {told}"


def told(**words: int) -> Expectation:
    """The panel gave these answers, and all that they promise was so."""

    def check(outcome: Outcome) -> str:
        found = outcome.report.answers
        wrong = [word for word, number in words.items() if found.get(word, 0) != number]
        return f"answers told: {found}, not {words}" if wrong else ""

    return check


def lives(number: int) -> Expectation:
    """The store knows so many epochs of the dispenser."""

    def check(outcome: Outcome) -> str:
        epochs = {record.epoch for record in outcome.records()}
        return "" if len(epochs) == number else f"{len(epochs)} epochs, not {number}"

    return check


def bench_only(number: int) -> Expectation:
    """So many responses, all of them typed *bench*; the doses are the patient's."""

    def check(outcome: Outcome) -> str:
        modes = [record.mode for record in outcome.records("response")]
        doses = {record.mode for record in outcome.records("dose")}
        if modes != [Mode.bench] * number:
            return f"responses have modes {modes}"
        return "" if doses == {Mode.patient} else f"doses have modes {doses}"

    return check


SCENARIOS = (
    Scenario(
        "kit-checked",
        "Before a kit leaves, a tech follows a press to the clinic and back; then a patient.",
        days=0.2,
        diary="""
            day 1 00:10  tech check d1
            day 1 01:00  open; take 1; close
            day 1 03:00  open; take 2; close
        """,
        expect=(count("dose", 2), count("response", 1, button=4), bench_only(1)),
        tags=frozenset({"slow"}),
    ),
    Scenario(
        "seen-by-the-clinic",
        "An answer is read at the clinic, which says so; the next one it has not read yet.",
        days=0.2,
        diary="""
            day 1 00:05  press 3
            day 1 00:30  tech seen d1
            day 1 01:00  press 1
        """,
        expect=(count("response", 2), count("seen", 1), told(beep=2, noted=2, seen=1)),
        tags=frozenset({"slow"}),
    ),
    Scenario(
        "updated-in-an-outage",
        "A release is on its way when the operator's mast goes down for hours; doses go on.",
        days=0.5,
        diary="""
            day 1 00:10  open; take 1; close
            day 1 00:30  tech update d1
            day 1 00:31  fault broker_down for 4 h
            day 1 02:00  open; take 2; close
            day 1 06:00  open; take 3; close
        """,
        expect=(count("dose", 3), faults("broker_down"), confirmed),
        tags=frozenset({"slow"}),
    ),
    Scenario(
        "retired-and-reissued",
        "A dispenser comes back, is retired and begins a new life with new keys.",
        days=0.2,
        diary="""
            day 1 00:10  open; take 1; close
            day 1 00:20  press 3
            day 1 02:00  tech reissue d1
            day 1 03:00  open; take 2; close
        """,
        expect=(count("dose", 2), count("response", 1, button=3), lives(2)),
        tags=frozenset({"slow"}),
    ),
)
