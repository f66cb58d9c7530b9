"""The real mosquitto: who may do what, and that nothing of it stays behind."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time

import pytest

from sim.broker import Broker, BrokerError
from sim.certificates import make_pki
from tests.sim.mqtt import Loop, Peer, running_broker

NOT_AUTHORIZED = 0x87
NO_SUBSCRIBER = 0x10
D = "0011223344556677"


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return make_pki(tmp_path_factory.mktemp("pki"), ["gw-a", "gw-b"])


@pytest.fixture(scope="module")
def broker(tmp_path_factory, pki):
    with running_broker(tmp_path_factory.mktemp("run"), pki) as (broker, _):
        yield broker


@pytest.fixture
def join(broker, pki):
    peers = []

    def connect(name, client_id=""):
        who = pki.backend if name == "backend" else pki.gateways[name]
        peers.append(Peer(broker.port, pki.ca, who, client_id))
        assert not peers[-1].connected.is_failure
        return peers[-1]

    yield connect
    for peer in peers:
        peer.close()


def test_the_backend_hears_every_gateway(join):
    backend = join("backend")
    assert backend.subscribe("$share/ingest/rtm/v1/+/up/#") == 1
    for name in ("gw-a", "gw-b"):
        topic = f"rtm/v1/{name}/up/{D}/events"
        assert join(name).publish(topic, name.encode()) == 0
        assert backend.next() == (topic, name.encode())


def test_without_a_backend_the_gateway_is_told(join):
    assert join("gw-a").publish(f"rtm/v1/gw-a/up/{D}/events", b"x") == NO_SUBSCRIBER


def test_a_gateway_hears_what_is_for_it(join):
    gateway, backend = join("gw-a"), join("backend")
    assert gateway.subscribe("rtm/v1/gw-a/dn/#") == 1
    assert backend.publish(f"rtm/v1/gw-a/dn/{D}/watermark", b"mark") == 0
    assert gateway.next() == (f"rtm/v1/gw-a/dn/{D}/watermark", b"mark")


@pytest.mark.parametrize(
    "topic",
    [f"rtm/v1/gw-b/up/{D}/events", f"rtm/v1/gw-a/dn/{D}/watermark", f"rtm/v1/gw-b/dn/{D}/x", "x"],
)
def test_a_gateway_may_publish_only_as_itself(join, topic):
    assert join("gw-a").publish(topic, b"forged") == NOT_AUTHORIZED


def test_the_backend_may_not_publish_as_a_gateway(join):
    assert join("backend").publish(f"rtm/v1/gw-a/up/{D}/events", b"forged") == NOT_AUTHORIZED


@pytest.mark.parametrize(
    "wanted",
    ["rtm/v1/gw-b/dn/#", "rtm/v1/+/dn/#", "rtm/v1/+/up/#", "#", "rtm/v1/gw-b/up/#", "$SYS/#"],
)
def test_a_gateway_hears_nothing_of_others(join, wanted):
    spy, backend, victim = join("gw-a"), join("backend"), join("gw-b")
    spy.subscribe(wanted)
    assert spy.subscribe("rtm/v1/gw-a/dn/#") == 1
    backend.subscribe("$share/ingest/rtm/v1/+/up/#")
    assert victim.publish(f"rtm/v1/gw-b/up/{D}/events", b"secret") == 0
    assert backend.next()[1] == b"secret"
    assert backend.publish(f"rtm/v1/gw-b/dn/{D}/watermark", b"secret") in (0, NO_SUBSCRIBER)
    # the broker delivers in order: this one comes after whatever it would have let through
    backend.publish(f"rtm/v1/gw-a/dn/{D}/watermark", b"own")
    assert spy.next() == (f"rtm/v1/gw-a/dn/{D}/watermark", b"own")
    while not spy.got.empty():
        assert spy.next()[1] == b"own"


def test_a_gateway_that_guesses_no_group_takes_no_share(join):
    # mosquitto grants any subscription and drops what its reader may not have: whoever joined the
    # backend's group would swallow every other message
    thief, backend, victim = join("gw-a"), join("backend"), join("gw-b")
    thief.subscribe("$share/ingest/rtm/v1/+/up/#")
    backend.subscribe("$share/ingest-unguessable/rtm/v1/+/up/#")
    sent = [str(n).encode() for n in range(6)]
    for payload in sent:
        victim.publish(f"rtm/v1/gw-b/up/{D}/events", payload)
    assert [backend.next()[1] for _ in sent] == sent
    assert thief.got.empty()


def test_another_ones_client_id_does_not_throw_it_off(join):
    owner, intruder = join("gw-b"), join("gw-a", client_id="gw-b")
    assert owner.subscribe("rtm/v1/gw-b/dn/#") == 1
    assert not owner.ended.is_set()
    assert intruder.publish(f"rtm/v1/gw-b/up/{D}/events", b"forged") == NOT_AUTHORIZED


# MQTT 5 CONNECT, clean start, client id "x"; 0x20 begins its CONNACK
CONNECT = bytes.fromhex("100e00044d5154540502003c00000178")
CONNACK = b"\x20"


def answer(broker, ca, who):
    """The first byte that the broker answers CONNECT with, empty if it hangs up."""
    context = ssl.create_default_context(cafile=str(ca))
    if who is not None:
        context.load_cert_chain(who.cert, who.key)
    try:
        with (
            socket.create_connection(("127.0.0.1", broker.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
        ):
            secured.sendall(CONNECT)
            return secured.recv(1)
    except (ssl.SSLError, ConnectionError):
        return b""


def test_nobody_enters_without_a_certificate_of_the_run(broker, pki, tmp_path):
    foreign = make_pki(tmp_path, ["gw-a"])
    assert answer(broker, pki.ca, pki.gateways["gw-a"]) == CONNACK
    assert answer(broker, pki.ca, foreign.gateways["gw-a"]) == b""
    assert answer(broker, pki.ca, None) == b""
    assert answer(broker, pki.ca, pki.broker) == b""


def test_the_broker_of_another_run_is_not_believed(broker, pki, tmp_path):
    foreign = make_pki(tmp_path, [])
    assert answer(broker, foreign.ca, pki.gateways["gw-a"]) == b""


def test_nobody_enters_without_tls(broker):
    with socket.create_connection(("127.0.0.1", broker.port), timeout=10) as plain:
        plain.sendall(CONNECT)
        try:
            answer = plain.recv(100)
        except ConnectionResetError:
            answer = b""
    # at most a TLS alert (RFC 8446, 5.1: content type 21), never a CONNACK
    assert answer[:1] in (b"", b"\x15")


def test_it_listens_on_loopback_only(broker):
    listening = [
        line.split()[1]
        for line in open("/proc/net/tcp")  # noqa: SIM115, PTH123
        if f":{broker.port:04X} 00000000:0000 0A" in line
    ]
    assert listening == [f"0100007F:{broker.port:04X}"]


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_port_stays_over_stop_kill_and_start(tmp_path, pki):
    with running_broker(tmp_path, pki) as (broker, loop):
        port = broker.port
        for end in (broker.stop, broker.kill):
            loop.run(end())
            loop.run(end())
            assert not accepts(port)
            loop.run(broker.start())
            assert broker.port == port
            assert accepts(port)


def test_a_taken_port_is_said_with_the_logs_words(tmp_path, pki, broker):
    loop = Loop()
    second = Broker(tmp_path, pki, port=broker.port)
    with pytest.raises(BrokerError, match="Address already in use"):
        loop.run(second.start())
    loop.close()


def test_a_broken_certificate_is_said_with_the_logs_words(tmp_path):
    pki = make_pki(tmp_path / "pki", [])
    pki.broker.cert.write_text("nonsense")
    loop = Loop()
    with pytest.raises(BrokerError, match="certificate"):
        loop.run(Broker(tmp_path, pki).start())
    loop.close()


PARENT = """
import asyncio, pathlib, sys
from sim.broker import Broker
from sim.certificates import make_pki
async def main():
    folder = pathlib.Path(sys.argv[1])
    broker = Broker(folder, make_pki(folder / "pki", []))
    await broker.start()
    print(broker.port, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


def test_it_dies_with_a_parent_that_was_killed(tmp_path):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, tmp_path], stdout=subprocess.PIPE, text=True
    )
    port = int(parent.stdout.readline())
    assert accepts(port)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 5
    while accepts(port):
        assert time.monotonic() < deadline, "the broker outlived its parent"
        time.sleep(0.02)
