"""The firmware while its gateway is frozen (SIGSTOP) in the middle of a burst of records."""

import asyncio
import random
import signal
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from protocol import wire
from protocol.commands import Signer
from protocol.schema import MessageType
from sim.certificates import make_pki
from sim.child import tied
from tests.bench import gaps
from tests.bench.figures import Figure
from tests.firmware import rig
from tests.support.gateway import GATEWAY, ROOT, until

_RECORDS = 300
_FROZEN_S = 15
_SEED = 9


def figures(folder: Path, erase_ms: int) -> Iterator[Figure]:
    """Measure on the board in `folder`, provisioned and off."""
    gaps.install(folder)
    config = _config(folder)
    seen: dict[str, list[int]] = {}

    async def scenario(board: rig.Rig) -> None:
        await board.hello()
        signer = Signer(rig.SECRET, bytes.fromhex(rig.ID))
        for _ in range(_RECORDS):
            board.send(MessageType.seen, wire.build(signer.seen(rig.EPOCH, 1)))
            assert await board.frame(MessageType.seen, 5)
        board.close()
        seen["stored"] = [await _freeze(board, config)]
        seen["resets"] = [len(board.board.exits)]
        seen["gaps"] = await gaps.read(board)

    rig.play(folder, scenario, erase_ms)
    name = f"{erase_ms} ms erases, gateway frozen mid-burst"
    yield Figure(f"records stored when it froze, of {_RECORDS}", seen["stored"][0], "records")
    yield from gaps.figures(name, seen["gaps"], 100, 250)
    yield Figure(f"resets, {name}", seen["resets"][0], "", most=0)


async def _freeze(board: rig.Rig, config: Path) -> int:
    command = [sys.executable, "-m", "gateway.cli", "run", "--config", str(config)]
    process = await asyncio.create_subprocess_exec(
        *tied(command), cwd=ROOT, stderr=asyncio.subprocess.DEVNULL
    )
    spool = config.parent / "data" / "spool.db"
    try:
        await until(lambda: _stored(spool) > 0)
        process.send_signal(signal.SIGSTOP)
        stored = _stored(spool)
        rng = random.Random(_SEED)
        for _ in range(_FROZEN_S * 10):
            await board.press(f"button{rng.randrange(5)}", 50)
        process.send_signal(signal.SIGCONT)
        await until(lambda: _stored(spool) > max(stored, _RECORDS))
        return stored
    finally:
        process.terminate()
        await process.wait()


def _stored(spool: Path) -> int:
    try:
        with sqlite3.connect(f"file:{spool}?mode=ro", uri=True) as db:
            return int(db.execute("SELECT count(*) FROM records").fetchone()[0])
    except sqlite3.Error:
        return 0


def _config(folder: Path) -> Path:
    pki = make_pki(folder, [GATEWAY])
    own = pki.gateways[GATEWAY]
    path = folder / "gateway.toml"
    path.write_text(
        f'[gateway]\nid = "{GATEWAY}"\ndata = "{folder / "data"}"\n'
        f'[[dispenser]]\nport = "{folder / "port"}"\n'
        f'[uplink]\nhost = "127.0.0.1"\nport = 9\nca = "{pki.ca}"\ncert = "{own.cert}"\n'
        f'key = "{own.key}"\n'
    )
    return path
