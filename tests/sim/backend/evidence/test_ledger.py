"""The ledger keeps everything, refuses contradictions, and can be read as of then."""

import sqlite3

import pytest

from sim.backend.evidence.entries import Draft, Kind, RuleError
from sim.backend.evidence.ledger import Ledger, LedgerError
from sim.backend.evidence.programme import Programme


class Clock:
    now = 1000

    def __call__(self):
        self.now += 1
        return self.now


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path / "people.db", Clock())
    made.enter("nurse", "e1", Kind.EPISODE, 0, value="p1 s1 Europe/Zurich")
    yield made
    made.close()


def test_entries_survive_and_come_back_in_order(ledger, tmp_path):
    consent = ledger.enter("nurse", "e1", Kind.CONSENT, 5)
    again = Ledger(tmp_path / "people.db", Clock())
    assert again.entries() == ledger.entries()
    assert again.entries()[1] == consent
    again.close()


def test_a_correction_leaves_the_earlier_value_readable_as_of_then(ledger):
    first = ledger.enter("nurse", "e1", Kind.CONSENT, 5)
    ledger.enter("doctor", "e1", Kind.CONSENT, 5, 9, replaces=first.id)
    now = Programme(ledger.entries()).only(Kind.CONSENT)
    then = Programme(ledger.entries(as_of=first.at)).only(Kind.CONSENT)
    assert [(e.by, e.end) for e in now] == [("doctor", 9)]
    assert [(e.by, e.end) for e in then] == [("nurse", None)]
    assert len(ledger.entries()) == 3


@pytest.mark.parametrize("change", ["UPDATE entries SET by = 'x'", "DELETE FROM entries"])
def test_the_file_itself_refuses_changes(ledger, tmp_path, change):
    db = sqlite3.connect(tmp_path / "people.db")
    with pytest.raises(sqlite3.IntegrityError, match="never"):
        db.execute(change)
    db.close()
    assert len(ledger.entries()) == 1


def test_what_contradicts_is_refused_and_the_next_works(ledger):
    ledger.enter("nurse", "e1", Kind.ASSIGNMENT, 0, value="a" * 16)
    with pytest.raises(RuleError, match="assigned by 2"):
        ledger.enter("nurse", "e1", Kind.ASSIGNMENT, 7, value="a" * 16)
    assert len(ledger.entries()) == 2
    assert ledger.enter("nurse", "e1", Kind.ASSIGNMENT, 7, value="b" * 16).id == 3


@pytest.mark.parametrize(
    "words", [("", "e1", "v"), ("nurse", "", "v"), ("nurse", "e1", "x" * 201), ("n\x1b", "e1", "")]
)
def test_words_that_no_terminal_should_see_are_refused(ledger, words):
    by, episode, value = words
    with pytest.raises(RuleError):
        ledger.enter(by, episode, Kind.REVIEWED, 0, value=value)


@pytest.mark.parametrize(
    ("episode", "value"),
    [
        ("e/2", "p2 s1 UTC"),
        ("<b>", "p2 s1 UTC"),
        ("e2", "Müller s1 UTC"),
        ("e2", "p2 ../.. UTC"),
        ("e2", "p2 s1 Mars/Base"),
        ("e2", "p2 UTC"),
    ],
)
def test_what_is_no_pseudonym_is_refused(ledger, episode, value):
    with pytest.raises(RuleError):
        ledger.enter("nurse", episode, Kind.EPISODE, 0, value=value)
    assert len(ledger.entries()) == 1


WRONG_VALUES = [
    (Kind.REGIMEN, "0 1"), (Kind.REGIMEN, "1"), (Kind.REGIMEN, "1 1 0 1"), (Kind.REGIMEN, "1 x"),
    (Kind.REGIMEN, "1 -1"), (Kind.ADDED, "1"), (Kind.NON_MONITORED, "ill"), (Kind.REFILL, "x 1 1"),
    (Kind.SYSTEM, "98977"), (Kind.DEVICE, ""), (Kind.ORDER, "x"), (Kind.ASSIGNMENT, "aa"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value"), WRONG_VALUES)
def test_values_that_say_nothing_are_refused(ledger, kind, value):
    with pytest.raises(RuleError):
        ledger.enter("nurse", "e1", kind, 0, 86_400_000, value)
    assert len(ledger.entries()) == 1


def test_a_frozen_report_stays_and_the_next_is_a_version(ledger, tmp_path):
    ledger.freeze("nurse", "e1", "2026-03", "one")
    assert ledger.freeze("nurse", "e1", "2026-03", "two").version == 2
    assert ledger.freeze("nurse", "e1", "1", "other").version == 1
    db = sqlite3.connect(tmp_path / "people.db")
    for change in ("UPDATE frozen SET text = 'x'", "DELETE FROM frozen"):
        with pytest.raises(sqlite3.IntegrityError, match="never"):
            db.execute(change)
    db.close()
    assert [(f.version, f.text) for f in ledger.frozen("e1", "2026-03")] == [
        (1, "one"),
        (2, "two"),
    ]


def test_all_or_none_of_several_entries_are_made(ledger):
    good = Draft("nurse", "e1", Kind.ORDER, 0)
    bad = Draft("nurse", "e1", Kind.ORDER, 0, replaces=77)
    with pytest.raises(RuleError):
        ledger.extend([good, bad])
    assert len(ledger.entries()) == 1
    assert [entry.id for entry in ledger.extend([good, good])] == [2, 3]


def test_times_beyond_the_database_are_refused(ledger):
    with pytest.raises(LedgerError):
        ledger.enter("nurse", "e1", Kind.ORDER, 1 << 70)
    assert ledger.enter("nurse", "e1", Kind.ORDER, 1).id == 2


def test_something_else_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "other"
    path.write_bytes(b"no database, long enough to be looked at " * 100)
    with pytest.raises(LedgerError, match="not a database"):
        Ledger(path, Clock())
    assert path.read_bytes().startswith(b"no database")
