"""`dosewire decode`: shows what bytes say, as tables or JSON lines, and verifies the chain.

Exit codes: 0 all good, 1 something did not decode or verify, 2 wrong use.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from protocol.chain import BlockKeys, root_key
from tools.dissect import (
    KINDS,
    Check,
    Item,
    KeysOf,
    UnrecognisedError,
    dissect,
    is_good,
    recognise,
)

_HEX = re.compile(rb"(?:[0-9a-fA-F]{2})+")
_BETWEEN = re.compile(rb"[\s:]+")
_TEXT_WIDTH = 160
_TABLE_ROWS = 500
_ID_SIZE, _SECRET_SIZE, _TAG_SIZE = 8, 32, 8
_RECORD_COLUMNS = ("seq", "boot", "at", "quality", "mode", "type", "data", "tag")


class UsageError(ValueError):
    """Wrong use: one line."""


def decode(
    sources: Annotated[
        list[str], typer.Argument(metavar="HEX|FILE|-...", help="Bytes in hex, files, or stdin.")
    ],
    kind: Annotated[
        str | None,
        typer.Option("--as", metavar="KIND", help=f"What they are: {', '.join(KINDS)}."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a frame and a record.")
    ] = False,
    key: Annotated[
        str | None, typer.Option(metavar="HEX", help="Verify with this secret K (others see it).")
    ] = None,
    registry: Annotated[
        Path | None, typer.Option(help="Verify with the secret in this registry.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(metavar="ID", help="Dispenser whose records they are.")
    ] = None,
    epoch: Annotated[int | None, typer.Option(help="Epoch of bare records.")] = None,
    previous: Annotated[
        str | None, typer.Option(metavar="HEX", help="Tag before the first bare record.")
    ] = None,
) -> None:
    """Decode frames, message bodies and records; verify the chain when a key is given."""
    try:
        if kind is not None and kind not in KINDS:
            raise UsageError(f"--as {kind}: not one of {', '.join(KINDS)}")
        check = _check(key, registry, device, epoch, previous)
        inputs = [data for source in sources for data in _inputs(source, kind)]
    except UsageError as error:
        _fail(error, 2)
    good = True
    show = _print_json if as_json else _print_tables
    for data in inputs:
        try:
            items = dissect(data, kind or recognise(data), check)
        except UnrecognisedError as error:
            print(f"dosewire decode: {error}", file=sys.stderr)
            good = False
        else:
            good &= show(items)
    raise typer.Exit(0 if good else 1)


def _fail(error: Exception, code: int) -> NoReturn:
    print(f"dosewire decode: {error}", file=sys.stderr)
    raise typer.Exit(code) from error


# What to decode


def _inputs(source: str, kind: str | None) -> list[bytes]:
    data = _read(source)
    lines = [_BETWEEN.sub(b"", line) for line in data.splitlines()]
    lines = [line for line in lines if line]
    if not lines or not all(_HEX.fullmatch(line) for line in lines):
        return [data]
    return _joined_or_not([bytes.fromhex(line.decode()) for line in lines], kind)


def _joined_or_not(lines: list[bytes], kind: str | None) -> list[bytes]:
    """Lines are one thing, wrapped, or a thing each: what makes sense together is together."""
    joined = [b"".join(lines)]
    if kind in ("frames", "record"):
        return joined
    if kind is not None:
        each_is_good = all(is_good(item) for line in lines for item in dissect(line, kind))
        return lines if each_is_good else joined
    if not _recognised(joined[0]) and any(map(_recognised, lines)):
        return lines
    return joined


def _recognised(data: bytes) -> bool:
    try:
        recognise(data)
    except UnrecognisedError:
        return False
    return True


def _read(source: str) -> bytes:
    """Return stdin for `-`, a file's content, or the argument itself, which must be hex."""
    if source == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(source).read_bytes()
    except (OSError, ValueError) as error:
        hexadecimal = _BETWEEN.sub(b"", source.encode("utf-8", "replace"))
        if _HEX.fullmatch(hexadecimal):
            return hexadecimal
        why: str | None = "neither a file nor hex"
        if isinstance(error, PermissionError | IsADirectoryError):
            why = error.strerror
        raise UsageError(f"{source[:60]!r}: {why}") from error


# What to verify with


def _check(
    key: str | None,
    registry: Path | None,
    device: str | None,
    epoch: int | None,
    previous: str | None,
) -> Check | None:
    if key is None and registry is None:
        if device or epoch is not None or previous:
            raise UsageError("--device, --epoch and --previous need --key or --registry")
        return None
    if key is not None and registry is not None:
        raise UsageError("--key and --registry: one of them")
    if device is None:
        raise UsageError("verifying needs --device")
    identity = _exactly(_ID_SIZE, "--device", device)
    if key is not None:
        keys_of: KeysOf = _KeysOfSecret(identity, _exactly(_SECRET_SIZE, "--key", key), None)
    else:
        keys_of = _from_registry(identity, Path(str(registry)))
    tag = None if previous is None else _exactly(_TAG_SIZE, "--previous", previous)
    return Check(keys_of, epoch, tag)


def _exactly(size: int, option: str, text: str) -> bytes:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if len(data) != size:
        raise UsageError(f"{option}: must be {2 * size} hex digits")
    return data


class _KeysOfSecret:
    """Tag keys by epoch; `epochs` limits them to those that were given out."""

    def __init__(self, device: bytes, secret: bytes, epochs: list[int] | None) -> None:
        self._device, self._secret, self._epochs = device, secret, epochs
        self._made: dict[int, BlockKeys] = {}

    def __call__(self, epoch: int) -> BlockKeys | None:
        if self._epochs is not None and epoch not in self._epochs:
            return None
        if epoch not in self._made:
            if len(self._made) > _TABLE_ROWS:
                self._made.clear()
            self._made[epoch] = BlockKeys(root_key(self._secret, self._device, epoch))
        return self._made[epoch]


def _from_registry(device: bytes, path: Path) -> KeysOf:
    from sim.backend import registry

    try:
        entry = registry.load(path).dispensers.get(device.hex())
    except registry.RegistryError as error:
        raise UsageError(str(error)) from error
    if entry is None:
        raise UsageError(f"registry {path}: does not know dispenser {device.hex()}")
    return _KeysOfSecret(device, bytes.fromhex(entry.secret), entry.epochs)


# How to show it


def _print_json(items: Iterable[Item]) -> bool:
    good = True
    for item in items:
        print(json.dumps(item))
        good &= is_good(item)
    return good


def _print_tables(items: Iterable[Item]) -> bool:
    console = Console(width=None if sys.stdout.isatty() else _TEXT_WIDTH)
    good = True
    for group in _grouped(items):
        good &= all(map(is_good, group))
        records = group[0]["what"] == "record" and "seq" in group[0]
        console.print(_records_table(group) if records else _item_table(group[0]))
    return good


def _grouped(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Records that follow each other share a table."""
    records: list[Item] = []
    for item in items:
        is_record = item["what"] == "record" and "seq" in item
        if records and (not is_record or len(records) == _TABLE_ROWS):
            yield records
            records = []
        if is_record:
            records.append(item)
        else:
            yield [item]
    if records:
        yield records


def _records_table(records: list[Item]) -> Table:
    table = Table(*_RECORD_COLUMNS, box=SIMPLE_HEAD, title_justify="left")
    for record in records:
        cells = {**record, "at": _when(record), "data": _shown(record["data"])}
        cells["tag"] = _tag(record)
        style = None if is_good(record) else "red"
        table.add_row(*(_safe(cells[column]) for column in _RECORD_COLUMNS), style=style)
    return table


def _when(record: Item) -> str:
    """Say a date only where the quality of the time allows one."""
    if record["at"] is not None:
        return str(record["at"])
    after = " s after boot" if record["quality"] == "uptime" else ""
    return f"{record['time']}.{record['ms']:03}{after}"


def _tag(record: Item) -> str:
    if "error" in record:
        return str(record["error"])
    return "ok" if record.get("verified") else record["tag"]


def _item_table(item: Item) -> Table:
    fields = {name: value for name, value in item.items() if name not in ("what", "body", "error")}
    body = item.get("body")
    fields |= body if isinstance(body, dict) else {"body": body} if body is not None else {}
    table = Table("field", "value", box=SIMPLE_HEAD, title=_title(item), title_justify="left")
    for name, value in fields.items():
        table.add_row(name, _safe(_shown(value)))
    if "error" in item:
        table.add_row("error", _safe(item["error"]), style="red")
    return table


def _title(item: Item) -> str:
    if item["what"] != "frame":
        return str(item["what"])
    return "frame to dispenser" if item["from_host"] else "frame to host"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(part)}" for name, part in value.items())
    if isinstance(value, list):
        return "; ".join(map(_shown, value))
    return str(value)


def _safe(value: Any) -> Text:
    """A terminal must not obey what a line or a log holds."""
    text = str(value)
    return Text("".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text))
