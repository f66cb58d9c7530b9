"""What a panel said against what was so: caught where it is certain, open where it is not."""

import pytest

from sim.expected import Expected
from sim.ledger import Answer, Fault, Healed, Measure, Meta, Power, Stimulus, Tech
from sim.reassured import reassured
from sim.stored import Stored

S = 10**9
AT = 1_790_000_000 * S
PRESSED = AT + 100 * S
WHOLE = Measure(AT + 9_000 * S, "d1", "journal_next", 9)


def press(t=PRESSED, undecided=""):
    return Expected("d1", "response", (("button", 3),), t, t, "button3", undecided=undecided)


ONE = press()


def stored(at):
    words = dict.fromkeys(Stored.__dataclass_fields__)
    return Stored(**{**words, "stored_at": at // 1000})


def judge(answer, at, *entries, presses=(ONE,), records=(None,), whole=True, real=False):
    """Judge one answer at `at` s after the start; `records`: when each press was stored, s."""
    told = Answer(AT + round(at * S), "d1", answer)
    pairs = [
        (item, stored(AT + round(s * S)))
        for item, s in zip(presses, records, strict=True)
        if s is not None
    ]
    pushes = [Stimulus(item.t, "d1", item.input, True) for item in presses]
    meta = Meta(AT, 1, {"d1": "11" * 8}, real=real)
    everything = [meta, *pushes, *entries, told, *([WHOLE] if whole else [])]
    found = reassured(everything, presses, pairs, {"d1": "11" * 8})
    if found.differences:
        assert [d.kind for d in found.differences] == ["reassured"]
        assert found.judged == {answer: 1}
        return "wrong"
    return "true" if found.judged else "open"


def power(at, what):
    return Power(AT + round(at * S), "d1", what)


@pytest.mark.parametrize("answer", ["delivered", "seen"])
def test_delivered_is_stored_when_the_glow_begins(answer):
    said = Tech(AT + 101 * S, "d1", "seen")
    assert judge(answer, 120, said, records=[110]) == "true"
    assert judge(answer, 120, said, records=[119]) == "true"
    assert judge(answer, 120, said, records=[119.1]) == "wrong"
    assert judge(answer, 120, said, records=[130]) == "wrong"
    assert judge(answer, 120, said) == "wrong", "lost"
    assert judge(answer, 100.5, said) == "open", "nobody had pressed when it began"


def test_the_newest_press_is_meant():
    both = (press(), press(PRESSED + 10 * S))
    assert judge("delivered", 115, presses=both, records=[105, 112]) == "true"
    assert judge("delivered", 115, presses=both, records=[105, 150]) == "wrong"
    assert judge("delivered", 110.9, presses=both, records=[105, 150]) == "true"
    doubtful = (press(), press(PRESSED + 10 * S, "cut"))
    assert judge("delivered", 115, presses=doubtful, records=[105, None]) == "true"
    assert judge("delivered", 115, presses=doubtful, records=[105, 150]) == "wrong"


def test_a_machine_may_let_a_board_feel_a_press_late():
    assert judge("delivered", 103, records=[110]) == "wrong"
    assert judge("delivered", 103, records=[110], real=True) == "open"
    assert judge("delivered", 106, records=[110], real=True) == "wrong"


def test_one_press_of_two_possible_records():
    # what it corrects may be open: then one of them is there
    two = (press(undecided="repeat"), press(undecided="repeat"))
    assert judge("delivered", 120, presses=two, records=[None, 130]) == "wrong"
    assert judge("delivered", 120, presses=two, records=[None, 110]) == "true"
    assert judge("delivered", 120, presses=two, records=[None, None]) == "open"


def test_what_a_restored_backend_held_before_is_open():
    def healed(at, name="backend_restored"):
        return Healed(AT + at * S, name, "")

    assert judge("delivered", 120, healed(500), records=[600]) == "open"
    assert judge("delivered", 120, healed(500, "backend_down"), records=[600]) == "wrong"
    assert judge("delivered", 120, healed(110), records=[600]) == "wrong", "it was restored before"


def test_seen_is_said_by_somebody_after_the_press():
    def said(at):
        return Tech(AT + at * S, "d1", "seen")

    assert judge("seen", 300, records=[110]) == "wrong"
    assert judge("seen", 300, said(301), records=[110]) == "wrong"
    assert judge("seen", 300, said(20), records=[110]) == "wrong"
    assert judge("seen", 300, said(290), records=[110]) == "true"
    assert judge("seen", 300, said(60), records=[110]) == "true", "the tool takes its time"


@pytest.mark.parametrize("answer", ["beep", "noted"])
def test_noted_is_stored_in_the_end_whatever_came_between(answer):
    assert judge(answer, 100.5, records=[5000]) == "true"
    assert judge(answer, 100.5) == "wrong"
    assert judge(answer, 100.5, power(100.6, "cut"), presses=[press(undecided="cut")]) == "wrong"
    assert judge(answer, 111) == "open", "no press was just before"
    assert judge(answer, 100.5, whole=False) == "open", "the run did not come to its end"
    lost = Fault(AT + 200 * S, "dispenser_lost", "1 record", part="d1")
    assert judge(answer, 100.5, lost) == "open"
    near = (press(PRESSED - S), press(undecided="cut"))
    assert judge(answer, 100.5, presses=near, records=[5000, None]) == "true"


def test_a_press_in_the_moment_of_a_cut_is_one():
    push = Stimulus(PRESSED, "d1", "button3", True)
    lid = Stimulus(PRESSED, "d1", "lid", True)
    assert judge("beep", 100.03, push, power(100, "cut"), presses=[], records=[]) == "wrong"
    assert judge("beep", 100.03, lid, power(100, "cut"), presses=[], records=[]) == "open"


def test_a_beep_comes_at_once_and_light_takes_its_time():
    # a cut inside a write is written down with the press
    doubtful = {"presses": [press(undecided="cut")]}
    assert judge("beep", 100.04, power(100, "cut"), **doubtful) == "wrong"
    assert judge("noted", 100.4, power(100.2, "cut"), **doubtful) == "open"
    assert judge("beep", 100.4, power(99, "on"), **doubtful) == "open"
    assert judge("delivered", 120, power(118, "cut"), records=[130]) == "open"
    assert judge("delivered", 120, power(117, "on"), records=[130]) == "wrong"


def test_pressed_promises_nothing():
    assert judge("pressed", 100.5) == "open"
