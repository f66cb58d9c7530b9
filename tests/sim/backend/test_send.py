"""Commands end to end: the command line, the backend, mosquitto, the gateway, the firmware."""

import contextlib
import json
import signal
import subprocess
import sys
import time

import pytest

from sim.backend.cli import main
from sim.backend.registry import Entry, Registry, load, save
from sim.backend.store import open_store
from sim.certificates import make_pki
from tests.sim.backend.dispenser import events
from tests.sim.backend.processes import WITHIN, Process, configure
from tests.sim.mqtt import Peer, running_broker

GATEWAY = """
[gateway]
id = "gw-1"
data = "{folder}/data"
[[dispenser]]
port = "{board}"
[publishing]
coalesce = 0.05
[time]
trust_clock = true
uncertainty_ms = 500
[uplink]
host = "127.0.0.1"
port = {port}
ca = "{pki.ca}"
cert = "{own.cert}"
key = "{own.key}"
retry_min = 0.1
retry_max = 0.5
probe_max = 0.5
"""
SETTINGS = """
zone = "Europe/Berlin"
volume = 1
[[window]]
number = 1
compartment = 2
start = "09:00"
length = 90
[[question]]
question = 1
at = "19:30"
expiry = 120
"""
# only a window that says so may lie inside quiet hours
AGAINST_THE_RULES = SETTINGS.replace("09:00", "23:00")


@contextlib.contextmanager
def process(*words, folder, name):
    with (folder / f"{name}.log").open("ab") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(WITHIN)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    """An emulated board with the firmware, a gateway, mosquitto and a backend: all processes."""
    folder = tmp_path_factory.mktemp("system")
    pki = make_pki(folder / "pki", ["gw-1"])
    with (
        process("sim.board", str(folder / "board"), folder=folder, name="board") as board,
        running_broker(folder, pki) as (broker, _),
    ):
        port = board.stdout.readline().split()[-1]
        for words in (["flash"], ["provision", "--registry", str(folder / "registry.json")]):
            command = [sys.executable, "-m", "tools.main", *words, "--port", port]
            subprocess.run(command, capture_output=True, timeout=80, check=True)
        configure(folder, broker.port)
        (folder / "gateway.toml").write_text(
            GATEWAY.format(
                board=port, port=broker.port, pki=pki, own=pki.gateways["gw-1"], folder=folder
            )
        )
        backend = Process(folder)
        backend.start()
        try:
            with process(
                *("gateway.cli", "run", "--config", "gateway.toml"), folder=folder, name="gateway"
            ):
                yield folder
        finally:
            backend.close()


def send(folder, capsys, *words):
    (dispenser,) = load(folder / "registry.json").dispensers
    kind, *more = words
    options = ["--config", str(folder / "backend.toml"), "--json", "--wait", "40"]
    code = main(["send", kind, *options, dispenser, *more])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.slow
def test_settings_reach_the_firmware_and_a_record_proves_it(system, capsys):
    (system / "one.toml").write_text(SETTINGS)
    code, told = send(system, capsys, "settings", str(system / "one.toml"))
    assert (code, told["state"], told["gateway"]) == (0, "applied", "gw-1"), told
    store = open_store(system / "store.db", readonly=True)
    records = store.records(told["dispenser"], told["proof"]["epoch"])
    proof = next(row for row in records if row.seq == told["proof"]["seq"])
    store.close()
    # SETTINGS_APPLIED: version 1 instead of 0, by the command with this counter
    assert proof.type == 0x0A
    assert proof.data == bytes([0, 1, 0, 0]) + told["counter"].to_bytes(4, "big")


@pytest.mark.slow
def test_a_refusal_of_the_firmware_is_told_with_its_reason(system, capsys):
    (system / "bad.toml").write_text(AGAINST_THE_RULES)
    code, told = send(system, capsys, "settings", str(system / "bad.toml"))
    deadline = time.monotonic() + WITHIN
    while told["proof"] is None and time.monotonic() < deadline:
        time.sleep(0.1)
        assert main(["commands", "--config", str(system / "backend.toml"), "--json"]) == 0
        told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (code, told["state"], told["reason"]) == (3, "refused", "rule"), told


@pytest.mark.slow
def test_that_the_clinic_has_seen_it_reaches_the_firmware(system, capsys):
    code, told = send(system, capsys, "seen")
    assert (code, told["kind"], told["state"]) == (0, "seen", "applied"), told


def test_a_dispenser_that_moved_gets_it_by_its_newest_gateway_only(tmp_path, dispenser, capsys):
    pki = make_pki(tmp_path / "pki", ["gw-1", "gw-2"])
    save(
        tmp_path / "registry.json",
        Registry({dispenser.id: Entry(dispenser.secret.hex(), [dispenser.epoch])}),
    )
    with running_broker(tmp_path, pki) as (broker, _):
        config = str(configure(tmp_path, broker.port))
        backend = Process(tmp_path)
        peers = {name: Peer(broker.port, pki.ca, pki.gateways[name]) for name in pki.gateways}
        try:
            for name, peer in peers.items():
                peer.subscribe(f"rtm/v1/{name}/dn/#")
            backend.start()
            up = "rtm/v1/{}/up/" + dispenser.id
            await_code(peers["gw-1"], up.format("gw-1") + "/hello", dispenser.hello())
            first = events(dispenser.epoch, [dispenser.made[0]])
            peers["gw-1"].publish(up.format("gw-1") + "/events", first)
            later = events(dispenser.epoch, dispenser.run(2))
            peers["gw-2"].publish(up.format("gw-2") + "/events", later)
            (tmp_path / "one.toml").write_text(SETTINGS)
            words = [dispenser.id, str(tmp_path / "one.toml"), "--wait", "10"]
            assert main(["send", "settings", "--config", config, "--wait", "1", *words[:2]]) == 4
            assert command_at(peers["gw-2"], dispenser) == "config"
            assert main(["send", "seen", "--config", config, dispenser.id]) == 0
            assert command_at(peers["gw-2"], dispenser) == "seen"
            assert "config" not in kinds(peers["gw-1"])
            assert "seen" not in kinds(peers["gw-1"])
        finally:
            backend.close()
            for peer in peers.values():
                peer.close()
    assert "waiting" not in capsys.readouterr().err


def await_code(peer, topic, payload):
    deadline = time.monotonic() + WITHIN
    while peer.publish(topic, payload) != 0:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def command_at(peer, d):
    while True:
        topic, _ = peer.next()
        if not topic.endswith("/watermark"):
            assert topic.startswith(f"rtm/v1/gw-2/dn/{d.id}/")
            return topic.rpartition("/")[2]


def kinds(peer):
    return {topic.rpartition("/")[2] for topic, _ in list(peer.got.queue)}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["settings", "00", "x.toml"], "not in the registry"),
        (["settings", "ID", "none.toml"], "none.toml: No such file"),
        (["settings", "ID", "bad.toml"], "zone"),
        (["settings", "ID", "long.toml"], "bytes, at most 1004"),
        (["seen", "ID"], "nothing verified is stored"),
        (["seen", "ID", "--days", "0"], "--days"),
        (["release", "ID", "none.zip", "--key", "none.pem"], "none.pem: No such file"),
    ],
)
def test_a_mistake_is_one_line_and_2(tmp_path, dispenser, capsys, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    make_pki(tmp_path / "pki", [])
    entry = Entry(dispenser.secret.hex(), [dispenser.epoch])
    save(tmp_path / "registry.json", Registry({dispenser.id: entry}))
    (tmp_path / "bad.toml").write_text('zone = "Mars/Olympus"\n')
    window = '[[window]]\nnumber = 1\ncompartment = 1\nstart = "09:00"\nlength = 60\n'
    (tmp_path / "long.toml").write_text('zone = "UTC"\n' + 200 * window)
    config = str(configure(tmp_path, 1))
    words = [dispenser.id if word == "ID" else word for word in words]
    assert main(["send", words[0], "--config", config, *words[1:]]) == 2
    line = capsys.readouterr().err
    assert said in line
    assert line.count("\n") == 1
