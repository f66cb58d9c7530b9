"""`dosewire backend run` as a process behind the real mosquitto, and one gateway."""

import os
import signal
import subprocess
import sys
import time

from protocol.schema import Watermark
from protocol.wire import parse
from sim.backend import registry
from sim.backend.cli import main
from sim.backend.registry import Entry, Registry
from sim.backend.store import open_store
from tests.sim.mqtt import Peer

NO_SUBSCRIBER = 0x10

WITHIN = 15
CONFIG = """
[backend]
store = "{store}"
registry = "registry.json"
watermark_interval = 0
refusal_grace = 0.2
[mqtt]
host = "127.0.0.1"
port = {port}
ca = "pki/ca.pem"
cert = "pki/backend.pem"
key = "pki/backend.key"
retry_min = 0.05
retry_max = 0.2
"""


def configure(folder, port, store="store.db"):
    path = folder / "backend.toml"
    path.write_text(CONFIG.format(port=port, store=store))
    return path


class Process:
    """`dosewire backend run` in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.log = folder / "backend.log"
        self._process = None

    def start(self, *under):
        command = [*under, sys.executable, "-m", "sim.backend.cli", "run", "--config"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([*command, self.folder / "backend.toml"], stderr=log)

    def end(self, number):
        os.kill(self._process.pid, number)
        return self._process.wait(WITHIN)

    def wait(self):
        return self._process.wait(WITHIN)

    def close(self):
        if self._process is not None and self._process.poll() is None:
            self.end(signal.SIGKILL)


class World:
    """Broker, backend and one gateway."""

    def __init__(self, folder, pki, broker, loop, dispenser):
        self.folder, self.broker, self.loop = folder, broker, loop
        self._pki, self._dispenser = pki, dispenser
        configure(folder, broker.port)
        entry = Entry(dispenser.secret.hex(), [dispenser.epoch])
        registry.save(folder / "registry.json", Registry({dispenser.id: entry}))
        self.process = Process(folder)
        self.join()

    def join(self):
        self.gateway = Peer(self.broker.port, self._pki.ca, self._pki.gateways["gw-1"])
        self.gateway.subscribe("rtm/v1/gw-1/dn/#")

    def publish(self, payload, kind="events"):
        return self.gateway.publish(f"rtm/v1/gw-1/up/{self._dispenser.id}/{kind}", payload)

    def await_backend(self):
        deadline = time.monotonic() + WITHIN
        while self.publish(self._dispenser.hello(), "hello") == NO_SUBSCRIBER:
            assert time.monotonic() < deadline, self.process.log.read_text()
            time.sleep(0.02)

    def watermark(self, wanted):
        deadline = time.monotonic() + WITHIN
        while time.monotonic() < deadline:
            topic, payload = self.gateway.next()
            assert topic == f"rtm/v1/gw-1/dn/{self._dispenser.id}/watermark"
            mark = parse(Watermark, payload)
            if wanted(mark):
                return mark
        raise AssertionError(self.process.log.read_text())

    def renew(self):
        assert main(["renew", "--config", str(self.folder / "backend.toml")]) == 0

    def stored(self):
        store = open_store(self.folder / "store.db", readonly=True)
        rows = store.records(self._dispenser.id, self._dispenser.epoch)
        store.close()
        return [row.raw for row in rows]
