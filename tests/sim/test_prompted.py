"""Which press answers which question: the rule, by hand-made journals."""

from typing import Any

from protocol.schema import ExpiryReason, PromptExpired, PromptShown, Trigger
from sim.expected import Expected
from sim.expected.prompted import prompted
from sim.stored import Stored

SECOND = 10**9
T = 1_790_000_000 * SECOND
DEVICE = "00" * 8


def press(at: float, button: int = 1, corrects: int = 0) -> Expected:
    fields = (("button", button), ("corrects", corrects), ("prompt", 0), ("question", 0))
    t = T + round(at * SECOND)
    return Expected("d1", "response", fields, t, t, f"button{button}")


def record(at: float, kind: str, data: Any = None, fields: tuple = ()) -> Stored:
    t = T + round(at * SECOND)
    return Stored(
        DEVICE, 1, 1, 1, kind, fields, None, data, t, 2, 0, b"", b"", t // 1000, "verified", ()
    )


def shown(at: float, question: int, prompt: int) -> Stored:
    return record(at, "prompt_shown", PromptShown(1, question, prompt, Trigger.after_dose))


def dark(at: float, question: int, prompt: int) -> Stored:
    return record(at, "prompt_expired", PromptExpired(1, question, prompt, ExpiryReason.timeout))


def answers(presses: list[Expected], *stored: Stored) -> list[tuple[int, int]]:
    found = prompted(presses, stored, {"d1": DEVICE})
    return [(dict(e.fields)["question"], dict(e.fields)["prompt"]) for e in found]


def test_a_press_answers_the_question_that_was_lit_before_it_and_no_other() -> None:
    presses = [press(5), press(20), press(40)]
    assert answers(presses, shown(10, 1, 77)) == [(0, 0), (1, 77), (0, 0)]


def test_what_went_dark_is_not_answered() -> None:
    assert answers([press(100)], shown(10, 2, 5), dark(70, 2, 5)) == [(0, 0)]


def test_a_correction_goes_with_what_it_corrects() -> None:
    presses = [press(20), press(24, 3, corrects=1), press(60)]
    assert answers(presses, shown(10, 3, 9)) == [(3, 9), (3, 9), (0, 0)]


def test_the_next_question_is_answered_by_the_next_press() -> None:
    presses = [press(20), press(90, 2)]
    assert answers(presses, shown(10, 1, 4), shown(60, 2, 8)) == [(1, 4), (2, 8)]


def test_at_the_lights_edge_the_dispensers_word_holds() -> None:
    told = (("button", 1), ("corrects", 0), ("prompt", 6), ("question", 1))
    early = press(9.5)
    assert answers([early], shown(10, 1, 6), record(9.5, "response", fields=told)) == [(1, 6)]
    plain = tuple((name, 0 if name in ("prompt", "question") else v) for name, v in told)
    assert answers([early], shown(10, 1, 6), record(9.5, "response", fields=plain)) == [(0, 0)]


def test_another_dispensers_question_is_nobodys() -> None:
    found = prompted([press(20)], [shown(10, 1, 3)], {"d1": "11" * 8, "d2": DEVICE})
    assert dict(found[0].fields)["prompt"] == 0
