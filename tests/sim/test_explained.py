"""Housekeeping that the ledger explains, and the same without a reason for it."""

import pytest

from protocol import schema
from sim.ledger import Stimulus, Tech
from sim.report import compute
from tests.sim.runs import Run

MINUTE = 60_000


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


def told(run):
    return compute(run.write().folder).differences


def ask(run):
    """A question is lit, answered, and another goes dark."""
    d = run.d1
    d.now += MINUTE
    d.add("settings_applied", d.now, schema.SettingsApplied(1, 0, 1))
    d.add("prompt_shown", d.now, schema.PromptShown(1, 2, 99, schema.Trigger.after_dose))
    d.now += 5_000
    d.press(4)
    for row in d.rows[-1:]:
        row.data = schema.Response(1, 4, 2, 99, 0)
    d.add("prompt_shown", d.now, schema.PromptShown(1, 1, 100, schema.Trigger.after_dose))
    d.now += 30 * MINUTE
    d.add("prompt_expired", d.now, schema.PromptExpired(1, 1, 100, schema.ExpiryReason.timeout))


def test_questions_are_explained_by_settings_that_somebody_sent(run):
    ask(run)
    run.d1.entries.append(Tech(t=run.d1.now * 10**6, dispenser="d1", tech="settings"))
    assert told(run) == []


def test_questions_that_nobody_sent_are_not(run):
    ask(run)
    differences = told(run)
    assert len(differences) == 4
    assert all("is of no known kind" in line for line in differences)


def test_an_answer_to_a_question_that_was_not_lit_is_wrong(run):
    run.d1.entries.append(Tech(t=run.d1.now * 10**6, dispenser="d1", tech="settings"))
    ask(run)
    run.d1.now += MINUTE
    run.d1.press(2)
    run.d1.rows[-1].data = schema.Response(1, 2, 1, 100, 0)
    (line,) = told(run)
    assert line.startswith("wrong") and "prompt 100" in line


def test_tampering_is_explained_by_a_hand_that_stays(run):
    d = run.d1
    tamper = schema.Tamper(schema.TamperKind.beam_without_lid, 3)
    for active in (True, False):
        t = d.now * 10**6
        d.entries.append(Stimulus(t=t, dispenser="d1", input="beam3", active=active))
        d.now += MINUTE + 5_000
    d.add("tamper", d.now - MINUTE, tamper)
    assert told(run) == []


def test_tampering_out_of_nothing_is_not(run):
    d = run.d1
    d.add("tamper", d.now, schema.Tamper(schema.TamperKind.beam_without_lid, 3))
    (line,) = told(run)
    assert "TAMPER is of no known kind" in line


def test_a_fault_of_another_dispenser_explains_nothing(run):
    run.faults = [{"fault": "beam_stuck", "evidence": "", "dispenser": "d2"}]
    d = run.d1
    d.add("tamper", d.now, schema.Tamper(schema.TamperKind.beam_without_lid, 3))
    assert len(told(run)) == 1
