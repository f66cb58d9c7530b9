"""What a traced process wrote, and what of it survives if all that was not synced is dropped.

strace(1) tells each write with its bytes. A file's durable image is what was written to it before
its last fsync or fdatasync that returned 0; nothing else of it is on the disk.
"""

import asyncio
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

STRACE = shutil.which("strace")
_CALLS = "openat,read,write,pwrite64,fdatasync,fsync,ftruncate,unlink"
_LINE = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\d+)(?:<.*>)?(?: .*)?$", re.DOTALL)
_FD = re.compile(r"^\d+<([^>]*)>")
_DATA = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')


def command(trace: Path) -> list[str]:
    """Return the words that run a command under strace, which signals then reach."""
    assert STRACE is not None
    # -D: the traced process, not strace, is the one to be signalled
    options = ["-D", "-f", "-y", "-xx", "-s", "16384", "-e", f"trace={_CALLS}"]
    return [STRACE, *options, "-e", "signal=KILL", "-o", str(trace)]


@dataclass(frozen=True)
class Call:
    """One system call that returned: its file, bytes and numbers."""

    name: str
    path: str
    data: bytes
    numbers: tuple[int, ...]
    result: int
    cut: bool = False


async def complete(trace: Path, within: float) -> None:
    """Return when the traced process is seen to have ended; raises TimeoutError."""
    async with asyncio.timeout(within):
        while not trace.read_bytes().endswith(b" +++\n"):
            await asyncio.sleep(0.01)


def calls(trace: Path) -> Iterator[Call]:
    """Return the calls in the order of their return; those cut off by a kill are left out."""
    begun: dict[str, str] = {}
    for line in trace.read_text(errors="replace").splitlines():
        pid = line.split(" ", 1)[0]
        if line.endswith("<unfinished ...>"):
            begun[pid] = line.removesuffix(" <unfinished ...>")
            continue
        resumed = re.match(r"^\d+ +<\.\.\. \w+ resumed>(.*)$", line)
        if resumed is not None:
            line = begun.pop(pid, "") + resumed[1]
        call = _parse(line)
        if call is not None:
            yield call


def _parse(line: str) -> Call | None:
    found = _LINE.match(line)
    if found is None:
        return None
    _, name, words, result = found.groups()
    fd = _FD.match(words)
    data = _DATA.search(words)
    raw = bytes.fromhex(data[1].replace("\\x", "")) if data else b""
    path = _text(fd[1]) if fd else raw.decode(errors="replace")
    after = words[data.end() :] if data else words[fd.end() :] if fd else ""
    numbers = tuple(int(number) for number in re.findall(r"(?<=, )-?\d+", after))
    return Call(name, path, raw, numbers, int(result), data is not None and data[2] is not None)


def _text(escaped: str) -> str:
    # with -xx even paths are escaped
    return re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m[1], 16)), escaped)


@dataclass
class _File:
    written: bytearray = field(default_factory=bytearray)
    synced: bytes = b""


class Disk:
    """Files in `folder` as a disk holds them that keeps only what was synced.

    With `begun`, what is there now counts as synced.
    """

    def __init__(self, folder: Path, *, begun: bool = False) -> None:
        self._folder = f"{folder}/"
        self._files: dict[str, _File] = {}
        for path in folder.iterdir() if begun else ():
            if path.is_file():
                held = path.read_bytes()
                self._files[path.name] = _File(bytearray(held), held)

    def apply(self, call: Call) -> None:
        """Take note of a call."""
        act = _ACTS.get(call.name)
        if act is None or call.result < 0 or not call.path.startswith(self._folder):
            return
        name = call.path.removeprefix(self._folder).removesuffix(" (deleted)")
        if call.name == "unlink":
            self._files.pop(name, None)
        else:
            act(self._files.setdefault(name, _File()), call)

    def restore(self, folder: Path) -> None:
        """Write what is durable into a folder."""
        folder.mkdir(parents=True)
        for name, file in self._files.items():
            # shared memory is not on any disk, and made anew
            if "/" not in name and not name.endswith("-shm"):
                (folder / name).write_bytes(file.synced)


def _write(file: _File, call: Call) -> None:
    assert not call.cut, "strace cut the bytes"
    data = call.data[: call.result]
    at = call.numbers[-1]
    file.written.extend(bytes(max(0, at + len(data) - len(file.written))))
    file.written[at : at + len(data)] = data


def _truncate(file: _File, call: Call) -> None:
    size = call.numbers[-1]
    del file.written[size:]
    file.written.extend(bytes(size - len(file.written)))


def _sync(file: _File, _call: Call) -> None:
    file.synced = bytes(file.written)


def _nothing(_file: _File, _call: Call) -> None:
    pass


_ACTS: dict[str, Callable[[_File, Call], None]] = {
    "pwrite64": _write,
    "ftruncate": _truncate,
    "fdatasync": _sync,
    "fsync": _sync,
    "unlink": _nothing,
}
