"""A device that takes releases, and a host that drives it with the gateway's own transfer."""

import json
import subprocess
from pathlib import Path
from typing import Any

from gateway.transfer import Transfer
from protocol import schema, wire
from protocol.commands import Signer, command_key
from protocol.framing import Deframer, Frame, encode
from protocol.schema import MessageType, RecordType, ReleaseAction
from tests.support import releases

SECRET = bytes(range(32))
ID = bytes.fromhex("0011223344556677")
VERSION = (0, 2, 0)
Files = dict[str, bytes]


class Device:
    """The script with its folders, and what it said last."""

    def __init__(self, interpreter: Any, root: Path, version: str = "0.1.0") -> None:
        self.root = root
        (root / "slots" / "b").mkdir(parents=True, exist_ok=True)
        key = command_key(SECRET, ID).hex()
        self._process = subprocess.Popen(
            interpreter.command("mp_release.py", str(root), key, ID.hex(), version),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            env=interpreter.environment(),
        )  # fmt: skip
        self.told: dict[str, Any] = {"records": []}

    def do(self, line: str) -> list[Frame]:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the device died"
        self.told = json.loads(answer)
        deframer = Deframer()
        return [f for text in self.told["frames"] for f in deframer.feed(bytes.fromhex(text))]

    def ask(self, kind: MessageType, body: bytes) -> schema.ReleaseProgress:
        """Send a message, let it work, return the one answer."""
        frames = self.do("feed " + encode(Frame(int(kind), body, ref=7)).hex()) + self.do("run")
        (answer,) = frames
        assert (answer.type, answer.ref) == (MessageType.release_begin, 7)
        return wire.parse(schema.ReleaseProgress, answer.body)

    @property
    def records(self) -> list[tuple[ReleaseAction, tuple[int, ...], int, int]]:
        """What happened: action, version, reason, counter."""
        told = [values for values in self.told["records"] if values[0] == RecordType.release]
        assert all(values[5] == ord("b") for values in told)
        return [(ReleaseAction(v[1]), tuple(v[2:5]), v[6], v[7]) for v in told]

    def slot(self, name: str = "b") -> Files:
        root = self.root / "slots" / name
        found = [path for path in root.rglob("*") if path.is_file()]
        return {str(path.relative_to(root)): path.read_bytes() for path in found}

    def pointer(self) -> str:
        path = self.root / "slot"
        return path.read_text() if path.exists() else "a"

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


class Host:
    """A release, its command, and the transfer of both."""

    def __init__(self, files: Files, signer: Signer | None = None, **manifest: Any) -> None:
        self.files = files
        self.signed = releases.manifest(files, **manifest)
        self.signer = signer or Signer(SECRET, ID)
        version = manifest.get("version", VERSION)
        self.begin = releases.begin(self.signer, self.signed, len(files), version)
        self.contents = [self.signed, *files.values()]
        self.transfer = Transfer(wire.build(self.begin), self.contents)
        self.sent: list[tuple[MessageType, bytes]] = []

    def step(self, device: Device) -> schema.ReleaseProgress | None:
        """Send what is due; return the answer, None when the transfer is over or waits."""
        message = self.transfer.due(0.0)
        if message is None:
            return None
        self.sent.append(message)
        progress = device.ask(*message)
        self.transfer.take(wire.build(progress), 0.0)
        return progress

    def run(self, device: Device) -> None:
        while self.step(device):
            pass

    def bytes_sent(self) -> int:
        """Bytes of files sent, the manifest's left out."""
        chunks = [body for kind, body in self.sent if kind == MessageType.release_chunk]
        return sum(len(body) - 5 for body in chunks if body[0])

    def expected(self) -> Files:
        """What the slot holds in the end: all but what only a cable brings."""
        kept = {p: c for p, c in self.files.items() if p not in ("boot.py", "main.py")}
        return {**kept, "manifest.json": self.signed}
