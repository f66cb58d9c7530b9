"""What the files of a run say against what was reported, and the chain of the store."""

import msgspec
import pytest

from sim.audit import ALTERED
from sim.batch import SCENARIO, Result
from sim.report import REPORT, compute
from sim.verify import VerifyError, story, verify
from tests.sim.runs import EPOCH, Run


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path).write()
    run.report()
    return run


def refuse(run, seq):
    run.sql(
        "INSERT INTO refused(dispenser, epoch, seq, raw, previous, reason, gateway, received_at,"
        " open, stored) VALUES (?, ?, ?, x'00', x'00', 'tag', 'gw-1', 0, 0, 0)",
        *(run.d1.id, EPOCH, seq),
    )


def test_an_honest_report_is_confirmed(run):
    report, unlike = verify(run.folder)
    assert (unlike, report.agree) == ([], True)


@pytest.mark.parametrize(
    ("word", "unmet"),
    [
        ("first-day", ["3 records of dose, not 2"]),
        ("house-move", ["3 records of dose, not 4", "fault without effect: cable_out"]),
        ("first-day.toml", []),  # a file's, whatever it calls its story
        ("", []),
    ],
)
def test_what_a_story_wants_is_looked_at_again(run, word, unmet):
    if word:
        replay = f"dosewire sim run {word} --seed 5"
        result = Result(scenario=word.removesuffix(".toml"), story="", seed=5, replay=replay)
        (run.folder / SCENARIO).write_bytes(msgspec.json.encode(result))
    assert story(run.folder, compute(run.folder)) == unmet


def test_a_run_may_be_moved(run, tmp_path_factory):
    moved = tmp_path_factory.mktemp("elsewhere") / "run"
    run.folder.rename(moved)
    assert verify(moved)[1] == []


@pytest.mark.parametrize(("name", "value"), [("lost", 0), ("stimuli", 999), ("chain", "verified")])
def test_an_embellished_report_is_caught(run, name, value):
    run.sql("UPDATE records SET raw = zeroblob(40) WHERE seq = 5", file="store.db")
    run.sql("DELETE FROM records WHERE seq = 7")
    raw = run.sql("SELECT raw FROM records WHERE seq = 6")[0][0]
    run.sql("UPDATE records SET raw = ? WHERE seq = 5", raw)
    honest = run.report()
    forged = msgspec.structs.replace(honest, **{name: value})
    (run.folder / REPORT).write_bytes(msgspec.json.encode(forged))
    assert [line.split(":")[0] for line in verify(run.folder)[1]] == [name]


@pytest.mark.parametrize("seq", [0, 1, 9, 18])
def test_a_flipped_bit_breaks_the_chain_there(run, seq):
    where = (run.d1.id, seq)
    ((raw,),) = run.sql("SELECT raw FROM records WHERE dispenser = ? AND seq = ?", *where)
    altered = raw[:16] + bytes([raw[16] ^ 1]) + raw[17:]
    run.sql("UPDATE records SET raw = ? WHERE dispenser = ? AND seq = ?", altered, *where)
    report = compute(run.folder)
    assert report.chain == f"{run.d1.id}/{EPOCH}/{seq}"
    assert not report.agree


def test_a_seq_missing_without_a_gap_breaks_the_chain(run):
    run.sql("DELETE FROM records WHERE dispenser = ? AND seq = 4", run.d2.id)
    assert compute(run.folder).chain == f"{run.d2.id}/{EPOCH}/5"


def test_an_unregistered_epoch_does_not_verify(run):
    run.sql("UPDATE records SET epoch = 78 WHERE dispenser = ?", run.d2.id)
    assert compute(run.folder).chain == f"{run.d2.id}/78/0"


def test_columns_that_differ_from_the_bytes_are_named(run):
    run.sql("UPDATE records SET type = 0x24 WHERE dispenser = ? AND seq = 3", run.d1.id)
    report = compute(run.folder)
    assert any("columns ('type',)" in line for line in report.differences)


def test_a_fork_is_named(run):
    run.sql("UPDATE records SET status = 'fork' WHERE dispenser = ? AND seq = 3", run.d1.id)
    run.sql(
        "INSERT INTO forks(dispenser, epoch, seq, raw, previous, gateway, received_at)"
        " VALUES (?, ?, 3, x'00', x'00', 'gw-1', 0)",
        *(run.d1.id, EPOCH),
    )
    kinds = [line.split()[0] for line in compute(run.folder).differences]
    assert sorted(kinds) == ["fork", "housekeeping"]


def test_what_the_spool_holds_and_the_store_does_not_is_named(run):
    run.sql("UPDATE records SET raw = x'01' WHERE seq = 3", file="gateway/spool.db")
    kinds = [line.split()[0] for line in compute(run.folder).differences]
    assert kinds == ["pruned", "pruned", "unsent", "unsent"]


def test_a_refusal_needs_its_fault_and_the_fault_its_refusal(tmp_path):
    run = Run(tmp_path)
    fault = {"fault": ALTERED, "evidence": "x", "dispenser": "d1", "epoch": EPOCH, "seq": 4}
    run.faults = [fault]
    run.write()
    assert "altered and not refused" in run.report().differences[0]
    refuse(run, 4)
    report = run.report()
    assert (report.agree, report.refused) == (True, [f"{run.d1.id}/{EPOCH}/4"])
    assert report.faults == {ALTERED: 1}
    refuse(run, 5)
    assert "refused without a cause" in run.report().differences[0]


def test_a_fault_that_hit_nothing_does_not_count(tmp_path):
    run = Run(tmp_path)
    run.faults = [{"fault": "gateway_killed", "evidence": text} for text in ("", "d1: 3", "d2: 1")]
    assert run.write().report().faults == {"gateway_killed": 2}


@pytest.mark.parametrize("name", ["ledger.jsonl", "store.db", "registry.json", REPORT])
@pytest.mark.parametrize("how", ["gone", "garbage"])
def test_a_damaged_run_folder_is_one_clear_error(run, name, how):
    path = run.folder / name
    path.unlink() if how == "gone" else path.write_bytes(b"\x00garbage" * 99)
    with pytest.raises(VerifyError, match=r"\S"):
        verify(run.folder)


def test_a_run_without_a_report_is_told_from_a_damaged_one(run):
    (run.folder / REPORT).unlink()
    with pytest.raises(VerifyError, match="no run's folder, or one that was broken off"):
        verify(run.folder)


@pytest.mark.parametrize(("cleared", "agree"), [(None, False), (1, True)])
def test_an_alarm_is_named_until_it_is_cleared(run, cleared, agree):
    run.sql(
        "INSERT INTO alarms(at, kind, dispenser, epoch, seq, text, cleared_at)"
        " VALUES (0, 'missing', ?, ?, 4, 'seq 4', ?)",
        *(run.d1.id, EPOCH, cleared),
    )
    report = compute(run.folder)
    assert report.agree is agree
    assert any("missing" in line for line in report.differences) is not agree
