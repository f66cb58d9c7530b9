"""The gateway as the process it is, with a broker, a scripted backend and scripted dispensers."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from sim.broker import Broker
from sim.certificates import Pki
from sim.child import tied
from tests.support.dispenser import ScriptedDispenser
from tests.support.rtm import Key, ScriptedBackend

ROOT = Path(__file__).parent.parent.parent
GATEWAY = "gw-1"
SECRET = b"k" * 32


PATIENCE = float(os.environ.get("DOSEWIRE_PATIENCE", "60"))
"""Seconds to wait for what must come; less where a test is expected to fail."""


async def until(condition: Callable[[], object], within: float = PATIENCE) -> None:
    """Return when the condition holds; fails after `within` seconds, many more than it needs."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"not within {within} s"
        await asyncio.sleep(0.01)


class Rig:
    """Everything around one gateway, in a folder."""

    def __init__(self, folder: Path, pki: Pki, gateway: str = GATEWAY) -> None:
        self.gateway = gateway
        self.folder = folder
        self.pki = pki
        self.broker = Broker(folder, pki)
        self.backend: ScriptedBackend
        self.dispensers: list[ScriptedDispenser] = []
        self.log = folder / "gateway.log"
        self.spool = folder / "data" / "spool.db"
        self.process: asyncio.subprocess.Process | None = None
        self.release_key: Path | None = None

    def dispenser(self, number: int, epoch: int, records: list[bytes]) -> ScriptedDispenser:
        """Make a dispenser and plug it in."""
        made = ScriptedDispenser(
            self.folder / f"port{number}", bytes([number] * 8), epoch, records
        )
        made.plug()
        self.dispensers.append(made)
        return made

    def config(self, profile: str = "prompt", **uplink: object) -> Path:
        """Write the gateway's configuration for the dispensers made so far."""
        own = self.pki.gateways[self.gateway]
        keys = {
            "host": "127.0.0.1",
            "port": self.broker.port,
            "ca": str(self.pki.ca),
            "cert": str(own.cert),
            "key": str(own.key),
            "retry_min": 0.1,
            "retry_max": 0.5,
            "probe_max": 0.5,
            **uplink,
        }
        text = f'[gateway]\nid = "{self.gateway}"\ndata = "{self.folder / "data"}"\n'
        text += "".join(f'[[dispenser]]\nport = "{d.link}"\n' for d in self.dispensers)
        text += f'[publishing]\nprofile = "{profile}"\ncoalesce = 0.05\n'
        text += "[time]\ntrust_clock = true\nuncertainty_ms = 500\n[uplink]\n"
        text += "".join(
            f'{key} = "{value}"\n' if isinstance(value, str) else f"{key} = {value}\n"
            for key, value in keys.items()
        )
        if self.release_key is not None:
            text += f'[release]\nkey = "{self.release_key}"\n'
        path = self.folder / "gateway.toml"
        path.write_text(text)
        return path

    async def run_gateway(
        self,
        before: Sequence[str] = (),
        program: Sequence[str] = (),
        profile: str = "prompt",
        **uplink: object,
    ) -> None:
        """Start the gateway's process; `before` is what runs it, `program` stands in for it."""
        config = self.config(profile, **uplink)
        command = program or (sys.executable, "-m", "gateway.cli")
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                # it ends with the test, however that ends
                *tied([*before, *command, "run", "--config", str(config)]),
                cwd=ROOT,
                stderr=log,
            )

    async def end_gateway(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, return the exit code."""
        process, self.process = self.process, None
        assert process is not None
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        return await process.wait()

    def query(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """Read from the spool on a connection of our own."""
        with contextlib.closing(sqlite3.connect(f"file:{self.spool}?mode=ro", uri=True)) as db:
            return db.execute(sql, values).fetchall()

    def spooled(self, key: Key) -> list[bytes]:
        """Return the records that the spool holds, in order."""
        sql = "SELECT raw FROM records WHERE dispenser=? AND epoch=? ORDER BY seq, raw"
        try:
            rows = self.query(sql, *key)
        except sqlite3.OperationalError:
            return []  # not made yet
        return [bytes(row[0]) for row in rows]  # type: ignore[call-overload]

    def stored(self, dispenser: ScriptedDispenser) -> bool:
        """Tell whether the backend holds exactly the dispenser's records, and no other bytes."""
        store = self.backend.stored[dispenser.id, dispenser.epoch]
        return {seq: set(raws) for seq, raws in store.copy().items()} == {
            int.from_bytes(raw[:4], "big"): {raw} for raw in dispenser.records
        }

    def counters(self) -> dict[str, int]:
        """Return what the gateway counted until it ended."""
        line = next(x for x in reversed(self.log.read_text().splitlines()) if "stopped: " in x)
        pairs = (word.split("=") for word in line.split("stopped: ")[1].split())
        return {name: int(count) for name, count in pairs}

    def logged(self, text: str) -> bool:
        """Tell whether the gateway logged this."""
        return self.log.exists() and text in self.log.read_text()


@contextlib.asynccontextmanager
async def rig(
    folder: Path, pki: Pki, backend: type[ScriptedBackend] = ScriptedBackend
) -> AsyncIterator[Rig]:
    """A broker and a backend that run; everything ends at the end, whatever happened."""
    made = Rig(folder, pki)
    await made.broker.start()
    made.backend = backend(made.broker.port, pki)
    try:
        await made.backend.start()
        yield made
    except BaseException:
        if made.log.exists():
            print(f"---- gateway ----\n{made.log.read_text()[-8000:]}")
        raise
    finally:
        if made.process is not None:
            await made.end_gateway(signal.SIGKILL)
        made.backend.stop()
        await made.broker.stop()
        for dispenser in made.dispensers:
            dispenser.unplug()
