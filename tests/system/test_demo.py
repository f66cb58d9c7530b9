"""The scripted run as `make demo` runs it: every fault in it, and nothing lost."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from tests.support.processes import until, using

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
SEED = 20240101


def dosewire(*words, **more):
    command = [sys.executable, "-m", "tools.main", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The finished run: its process, its report, its folder."""
    folder = tmp_path_factory.mktemp("demo")
    path = folder / "report.json"
    words = ("--headless", "--report", path, "--seed", SEED, "--runs", folder / "runs")
    start = time.monotonic()
    done = dosewire("sim", "demo", *words, timeout=200)
    done.seconds = time.monotonic() - start
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = (folder / "runs").iterdir()
    return done, json.loads(path.read_text()), run


def test_ledger_and_backend_agree(demo):
    done, report, run = demo
    figures = ("lost", "duplicated", "misordered", "wrong", "mistimed", "unexplained")
    assert {name: report[name] for name in figures} == dict.fromkeys(figures, 0)
    assert report["chain"] == "verified"
    assert report["differences"] == []
    assert report["seed"] == SEED
    assert report["run"] == str(run)
    assert "agree" in done.stdout


def test_it_was_worth_running(demo):
    done, report, _ = demo
    assert report["stimuli"] >= 200
    assert report["records_expected"] >= 100
    assert report["records_stored"] >= report["records_expected"]
    assert report["faults"] == {
        "gateway_killed": 2,
        "power_cut": 2,
        "power_cut_in_flash_write": 1,
        "broker_stopped": 1,
        "backend_stopped": 1,
        "record_altered_in_spool": 1,
    }
    assert 0 < report["latency_ms"]["p50"] <= report["latency_ms"]["p99"]
    assert all(value > 0 for value in report["peak_heap_bytes"].values())
    assert set(report["peak_heap_bytes"]) == {"d1", "d2"}
    assert done.seconds < 90


def test_every_fault_struck_while_records_were_in_flight(demo):
    lines = [json.loads(line) for line in (demo[2] / "ledger.jsonl").read_text().splitlines()]
    faults = [line for line in lines if "fault" in line]
    assert len(faults) == 8
    assert all(fault["evidence"] for fault in faults)


def test_the_altered_record_was_refused_by_name_and_is_stored_as_written(demo):
    _, report, run = demo
    (name,) = report["refused"]
    dispenser, epoch, seq = name.split("/")
    where = (dispenser, int(epoch), int(seq))
    with sqlite3.connect(run / "store.db") as db:
        where_sql = "WHERE dispenser=? AND epoch=? AND seq=?"
        stored = db.execute(f"SELECT raw, status FROM records {where_sql}", where).fetchall()
        refused = db.execute(f"SELECT raw FROM refused {where_sql}", where).fetchall()
    assert [status for _, status in stored] == ["verified"]
    assert stored[0][0] not in [raw for (raw,) in refused]


def test_some_records_were_written_before_the_clock_was_set(demo):
    with sqlite3.connect(demo[2] / "store.db") as db:
        ((early,),) = db.execute(
            "SELECT count(*) FROM records WHERE stamp >> 14 = 0 AND type > 31"
        )
    assert early > 0


def test_another_process_confirms_the_report(demo):
    assert dosewire("sim", "verify", demo[2]).returncode == 0


@pytest.mark.parametrize(
    ("doctored", "told"),
    [
        ("DELETE FROM records WHERE rowid_seq = {seq}", "lost"),
        ("UPDATE records SET raw = {altered} WHERE rowid_seq = {seq}", "chain"),
    ],
)
def test_a_doctored_store_is_caught(demo, tmp_path, doctored, told):
    run = tmp_path / "run"
    shutil.copytree(demo[2], run, symlinks=True)
    with sqlite3.connect(run / "store.db") as db:
        query = "SELECT dispenser, seq, raw FROM records WHERE type = 0x22 LIMIT 1"
        ((dispenser, seq, raw),) = db.execute(query).fetchall()
        altered = f"x'{(raw[:-1] + bytes([raw[-1] ^ 1])).hex()}'"
        statement = doctored.format(seq=seq, altered=altered)
        db.execute(statement.replace("rowid_seq", f"dispenser = '{dispenser}' AND seq"))
    done = dosewire("sim", "verify", run)
    assert done.returncode == 1
    assert told in done.stdout


def test_ctrl_c_while_dispensers_are_made_ends_everything(tmp_path):
    command = [sys.executable, "-m", "tools.main", "sim", "demo", "--headless"]
    process = subprocess.Popen(
        [*command, "--runs", str(tmp_path)], stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    # two boards, those who flash them, the broker
    until(lambda: process.poll() is not None or len(using(tmp_path)) > 5)
    os.killpg(process.pid, signal.SIGINT)
    process.stdout.read()
    assert process.wait(20) == 130
    process.stdout.close()
    assert using(tmp_path) == []
