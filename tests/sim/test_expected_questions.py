"""Questions in the table of what must be recorded, by ledgers made by hand."""

from protocol.schema import ExpiryReason, Question, Trigger
from tests.sim.ledgers import DAILY, Deed, press, reach, settings, told, whole

DOSE, TIMED = int(Trigger.after_dose), int(Trigger.set_time)
TIMEOUT, POWER = int(ExpiryReason.timeout), int(ExpiryReason.power)
AFTER = Question(1, Trigger.after_dose, DAILY, 5, 10)
EVENING = Question(2, Trigger.set_time, DAILY, 20 * 60, 30)
ON: Deed = ("00:00:00", "on")


def asked(deeds: list[Deed], *questions: Question, **other: int) -> list[tuple[object, ...]]:
    """Shown: question, prompt, trigger; response: button, corrects, prompt, question."""
    found = whole([ON, *deeds], "23:59:00", settings(questions=questions, **other))
    return told(found, "prompt_shown", "prompt_expired", "response")


def test_minutes_after_a_dose_and_dark_when_nobody_answers() -> None:
    assert asked(reach("12:00:00", 1), AFTER) == [
        ("12:05:01", "prompt_shown", 1, 1, DOSE), ("12:15:01", "prompt_expired", 1, 1, TIMEOUT),
    ]  # fmt: skip


def test_an_answer_and_its_correction_go_with_the_question() -> None:
    deeds = [*reach("12:00:00", 1), *press("12:06:00", 2), *press("12:06:05", 3)]
    assert asked(deeds, AFTER) == [
        ("12:05:01", "prompt_shown", 1, 1, DOSE),
        ("12:06:00", "response", 2, 0, 1, 1), ("12:06:05", "response", 3, 1, 1, 1),
    ]  # fmt: skip


def test_no_press_is_given_to_a_question_by_guess() -> None:
    deeds = [*press("12:03:00", 0), *reach("12:00:00", 1), *press("12:16:00", 2)]
    deeds.sort(key=lambda deed: deed[0])
    assert [row for row in asked(deeds, AFTER) if row[1] == "response"] == [
        ("12:03:00", "response", 0, 0, 0, 0), ("12:16:00", "response", 2, 0, 0, 0),
    ]  # fmt: skip


def test_a_press_as_it_lights_up_is_open() -> None:
    found = asked([*reach("12:00:00", 1), *press("12:05:02", 2)], AFTER)
    assert found[1] == ("12:05:02", "response", 2, 0, 1, 1, "reaction")


def test_at_most_so_many_sets_a_day() -> None:
    deeds = [*reach("12:00:00", 1), *reach("13:00:00", 1), *reach("14:00:00", 1)]
    for sets in (1, 2):
        found = asked(deeds, AFTER, sets=sets)
        assert len([row for row in found if row[1] == "prompt_shown"]) == sets
        assert {row[3] for row in found} == set(range(1, sets + 1))


def test_a_set_time_comes_once_a_day() -> None:
    assert asked([], EVENING, sets=3) == [
        ("20:00:00", "prompt_shown", 2, 1, TIMED), ("20:30:00", "prompt_expired", 2, 1, TIMEOUT),
    ]  # fmt: skip
    assert asked([], Question(2, Trigger.set_time, DAILY - 8, 20 * 60, 30)) == []  # a Thursday


def test_it_waits_while_the_lid_is_open() -> None:
    deeds: list[Deed] = [("19:59:00", "lid", True), ("20:10:20", "lid", False)]
    assert asked(deeds, EVENING)[0] == ("20:10:20", "prompt_shown", 2, 1, TIMED)
    too_long: list[Deed] = [("19:59:00", "lid", True), ("20:30:20", "lid", False)]
    assert asked(too_long, EVENING) == []


def test_it_waits_until_nothing_can_be_corrected_any_more() -> None:
    found = asked(press("19:59:55", 1), EVENING)
    assert found[1] == ("20:00:05", "prompt_shown", 2, 1, TIMED)


def test_one_at_a_time() -> None:
    found = asked([*reach("19:54:00", 1), *press("20:03:00", 2)], AFTER, EVENING)
    assert found == [
        ("19:59:01", "prompt_shown", 1, 1, DOSE), ("20:03:00", "response", 2, 0, 1, 1),
        ("20:03:10", "prompt_shown", 2, 2, TIMED), ("20:33:10", "prompt_expired", 2, 2, TIMEOUT),
    ]  # fmt: skip


def test_a_lit_question_has_expired_when_the_power_goes() -> None:
    deeds: list[Deed] = [*reach("12:00:00", 1), ("12:07:00", "cut"), ("12:09:00", "on")]
    assert asked([*deeds, *press("12:12:00", 1)], AFTER) == [
        ("12:05:01", "prompt_shown", 1, 1, DOSE), ("12:09:00", "prompt_expired", 1, 1, POWER),
        ("12:12:00", "response", 1, 0, 0, 0),
    ]  # fmt: skip


def test_a_dose_before_a_cut_asks_nothing_after_it() -> None:
    deeds: list[Deed] = [*reach("12:00:00", 1), ("12:02:00", "cut"), ("12:02:10", "on")]
    assert asked(deeds, AFTER) == []


def test_a_refill_asks_nothing() -> None:
    service: list[Deed] = [("11:59:50", "service", True), ("11:59:51", "service", False)]
    assert asked([*service, *reach("12:00:00", 1)], AFTER) == []
