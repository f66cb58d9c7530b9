"""A device that takes commands, and what it says."""

import json
import subprocess
from pathlib import Path
from typing import Any

from construct_typed import DataclassMixin

from protocol import schema, wire
from protocol.framing import Deframer, Frame, encode
from protocol.schema import MessageType

SECRET = bytes(range(32))
DEVICE = bytes.fromhex("0011223344556677")


class Device:
    """The script, and what it said last."""

    def __init__(self, interpreter: Any, folder: Path, key: bytes | None) -> None:
        name = key.hex() if key else "none"
        self._process = subprocess.Popen(
            interpreter.command("mp_command.py", str(folder / "settings"), name, DEVICE.hex()),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            env=interpreter.environment(),
        )  # fmt: skip
        self.told: dict[str, Any] = {}

    def do(self, line: str) -> list[Frame]:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the device died"
        self.told = json.loads(answer)
        deframer = Deframer()
        return [f for text in self.told["frames"] for f in deframer.feed(bytes.fromhex(text))]

    def ask(self, kind: MessageType, command: DataclassMixin) -> bytes:
        """Send it; return the body of the one answer."""
        (answer,) = self.do("feed " + encode(Frame(kind, wire.build(command))).hex())
        assert answer.type == kind
        return answer.body

    def put(self, command: schema.ConfigPut) -> schema.Config:
        """Send it; return the answer, which must say the same as a question after it."""
        put = encode(Frame(MessageType.config_put, wire.build(command)))
        (answer,) = self.do("feed " + put.hex())
        (again,) = self.do("feed " + encode(Frame(MessageType.config_get, b"")).hex())
        assert answer.body == again.body and answer.type == MessageType.config_get
        return wire.parse(schema.Config, answer.body)

    @property
    def records(self) -> list[list[int]]:
        return list(self.told["records"])

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
