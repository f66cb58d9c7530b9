"""The backend as a process of its own behind the real mosquitto."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from sim.backend import registry
from sim.backend.cli import main
from sim.backend.registry import Registry
from sim.certificates import make_pki
from tests.sim.backend.dispenser import RESPONSE, events, flipped
from tests.sim.backend.processes import WITHIN, configure

NO_SUBSCRIBER = 0x10


def test_what_a_watermark_confirms_survives_a_kill(world, dispenser):
    for _ in range(5):
        made = (
            [dispenser.made[0], *dispenser.run(20)] if dispenser.next == 1 else dispenser.run(20)
        )
        world.publish(events(dispenser.epoch, made))
        mark = world.watermark(lambda mark: mark.next == dispenser.next)
        world.process.end(signal.SIGKILL)
        assert world.stored()[mark.next - 1] == made[-1].raw
        world.process.start()
        world.await_backend()
    assert world.stored() == [dispenser.made[seq].raw for seq in range(dispenser.next)]


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_nothing_goes_out_between_a_write_to_the_store_and_its_flush(world, dispenser):
    world.process.end(signal.SIGTERM)
    trace = world.folder / "trace"
    calls = "trace=pwrite64,fdatasync,sendto"
    # -D: the traced process, not strace, is the one to be signalled
    world.process.start("strace", "-D", "-f", "-y", "-s", "0", "-e", calls, "-o", trace)
    world.await_backend()
    dispenser.run(4)
    for made in ([0], [1, 2, 3], [4]):
        world.publish(events(dispenser.epoch, [dispenser.made[seq] for seq in made]))
        world.watermark(lambda mark, made=made: mark.next == made[-1] + 1)
    assert world.process.end(signal.SIGTERM) == 0
    done = _by_the_writing_thread(trace.read_text().splitlines())
    # one PUBACK and one WATERMARK each
    assert done.count("send") >= 6
    assert done.count("flush") >= 3
    unflushed = False
    for what in done:
        assert not (what == "send" and unflushed), done
        unflushed = what == "store" or (unflushed and what != "flush")


def _by_the_writing_thread(trace):
    # "<pid> pwrite64(7</folder/store.db-wal>, ..."; paho's thread is woken through a socket pair
    writer = next(line.split()[0] for line in trace if "store.db-wal>" in line)
    return [
        what
        for line in trace
        if line.split()[0] == writer
        for what, call, on in (
            ("store", "pwrite64(", "store.db-wal>"),
            ("flush", "fdatasync(", "store.db-wal>"),
            ("send", "sendto(", "socket:["),
        )
        if call in line and on in line
    ]


def test_it_ends_soon_after_sigterm_and_says_nothing_bad(world):
    began = time.monotonic()
    assert world.process.end(signal.SIGTERM) == 0
    assert time.monotonic() - began < 10
    assert "Traceback" not in world.process.log.read_text()


def test_it_comes_back_after_the_broker_was_killed(world, dispenser):
    world.loop.run(world.broker.kill())
    world.loop.run(world.broker.start())
    world.gateway.close()
    world.join()
    world.await_backend()
    world.publish(events(dispenser.epoch, [dispenser.made[0]]))
    assert world.watermark(lambda mark: mark.next == 1).tag == dispenser.tag


def test_garbage_does_not_end_it(world, dispenser):
    for payload in (b"", b"\0" * 20, os.urandom(500), b"x" * 70_000):
        for kind in ("events", "hello", "nonsense"):
            assert world.publish(payload, kind) == 0
    world.publish(events(dispenser.epoch, [dispenser.made[0]]))
    world.watermark(lambda mark: mark.next == 1)
    assert "malformed" in world.process.log.read_text()
    assert "Traceback" not in world.process.log.read_text()


def test_altered_in_flight_refused_named_and_stored_when_read_again(world, dispenser):
    run = [dispenser.made[0], *dispenser.run(5)]
    payload = events(dispenser.epoch, run)
    world.publish(flipped(payload, payload.index(run[3].raw) + 14))
    mark = world.watermark(lambda mark: mark.refused)
    assert (mark.next, mark.refused) == (3, [3])
    world.publish(events(dispenser.epoch, [run[3]]))
    assert world.watermark(lambda mark: mark.next == 6).refused == []
    assert world.stored() == [record.raw for record in run]
    name = f"{dispenser.id}/{dispenser.epoch} from gw-1: refused at seq 3"
    assert name in world.process.log.read_text()


def test_a_locked_store_delays_and_loses_nothing(world, dispenser):
    other = sqlite3.connect(world.folder / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    world.publish(events(dispenser.epoch, [dispenser.made[0], *dispenser.run(3)]))
    deadline = time.monotonic() + WITHIN
    while "locked" not in world.process.log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    other.execute("ROLLBACK")
    other.close()
    world.watermark(lambda mark: mark.next == 4)


def test_a_store_deleted_while_in_use_confirms_nothing_more_and_ends(world, dispenser):
    world.publish(events(dispenser.epoch, [dispenser.made[0]]))
    world.watermark(lambda mark: mark.next == 1)
    for path in world.folder.glob("store.db*"):
        path.unlink()
    world.publish(events(dispenser.epoch, dispenser.run(3)))
    assert world.process.wait() == 1
    said = world.process.log.read_text()
    assert "deleted or replaced while in use" in said.splitlines()[-1]
    assert "Traceback" not in said
    assert world.gateway.got.empty()


def test_a_copy_put_back_is_filled_again_once_it_is_renewed(world, dispenser, capsys):
    path = world.folder / "store.db"
    world.publish(events(dispenser.epoch, [dispenser.made[0], *dispenser.run(3)]))
    world.watermark(lambda mark: mark.next == 4)
    world.process.end(signal.SIGTERM)
    copy = path.read_bytes()
    world.process.start()
    world.await_backend()
    later = dispenser.run(4)
    world.publish(events(dispenser.epoch, later))
    before = world.watermark(lambda mark: mark.next == 8)
    world.process.end(signal.SIGTERM)
    path.write_bytes(copy)
    world.renew()
    assert f"store {before.store:08x} is now " in capsys.readouterr().out
    world.process.start()
    world.await_backend()
    after = world.watermark(lambda mark: mark.store != before.store)
    assert after.next == 4
    world.publish(events(dispenser.epoch, later))
    assert world.watermark(lambda mark: mark.next == 8).store == after.store


@pytest.mark.parametrize("command", ["run", "renew"])
def test_a_store_in_use_is_left_alone(world, capsys, command):
    assert main([command, "--config", str(world.folder / "backend.toml")]) == 2
    said = capsys.readouterr().err
    assert "a running backend has it" in said
    assert said.count("\n") == 1


def test_a_store_that_is_not_there_is_not_renewed(tmp_path, capsys):
    make_pki(tmp_path / "pki", [])
    registry.save(tmp_path / "registry.json", Registry())
    configure(tmp_path, 1)
    assert main(["renew", "--config", str(tmp_path / "backend.toml")]) == 2
    assert "no such file" in capsys.readouterr().err
    assert not (tmp_path / "store.db").exists()


def test_a_response_goes_round_trip_quickly(world, dispenser):
    world.publish(events(dispenser.epoch, [dispenser.made[0]]))
    world.watermark(lambda mark: mark.next == 1)
    took = []
    for _ in range(20):
        press = dispenser.write(RESPONSE, bytes([0, 1, 2, 0, 0, 0, 0, 0]))
        began = time.monotonic()
        world.publish(events(dispenser.epoch, [press]))
        world.watermark(lambda mark: mark.next == dispenser.next)
        took.append(time.monotonic() - began)
    # a delayed ACK anywhere would cost 40 ms each time; a loaded machine only some of them
    assert sorted(took)[2] < 0.035


@pytest.mark.parametrize("argv", [[], ["run"], ["walk"], ["run", "--config"]])
def test_a_wrong_command_line_ends_with_2(argv, capsys):
    assert main(argv) == 2
    assert "usage" in capsys.readouterr().err


def test_help_ends_with_0(capsys):
    assert main(["run", "--help"]) == 0
    assert "--config" in capsys.readouterr().out


def test_a_wrong_configuration_is_one_line_and_2(tmp_path, capsys):
    path = tmp_path / "backend.toml"
    path.write_text("[backend]\n")
    assert main(["run", "--config", str(path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"dosewire backend: {path}: ")
    assert said.count("\n") == 1


def test_a_store_that_is_none_is_one_line_and_2(tmp_path, capsys):
    make_pki(tmp_path / "pki", [])
    registry.save(tmp_path / "registry.json", Registry())
    configure(tmp_path, 1)
    (tmp_path / "store.db").write_text("not a database, and longer than its header" * 50)
    command = [sys.executable, "-m", "sim.backend.cli", "run", "--config"]
    ended = subprocess.run(
        [*command, tmp_path / "backend.toml"], capture_output=True, text=True, timeout=WITHIN
    )
    assert ended.returncode == 2
    assert "not a database" in ended.stderr
    assert "Traceback" not in ended.stderr
