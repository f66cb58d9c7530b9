"""`dosewire modem`: how the modem is, what its supervisor would do, what captured lines mean."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from gateway import config
from gateway.modem.explain import Explained, explain
from gateway.modem.lines import MAX_LINE

_BLOCK = 1 << 16
_MOST_JSON = 1 << 20
"""Bytes of a line; no modem says so much at once."""
_MOST_HELD = 1000
"""Lines of one conversation; what follows is told as coming by itself."""
_CONFIG = Path("/etc/dosewire/gateway.toml")
_EPILOG = """\
a running gateway holds the modem's port: `status` asks it, `supervise` works while it is stopped

exit codes: 0 works, 1 the modem does not work, 2 file or configuration missing or wrong (one line
says what), 3 the gateway does not answer, 130 ended by Ctrl-C
"""


class Request(msgspec.Struct, frozen=True):
    """A line of input: raw as latin-1 text, command None for what came by itself."""

    raw: str
    command: str | None = None
    id: str | int | float | None = None


def main(argv: list[str]) -> int:
    """Run the command line behind `modem`; returns the exit code."""
    arguments = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return run(arguments)
    except config.ConfigError as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dosewire modem",
        description="Looks at the gateway's cellular modem, and explains what modems say.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    verb = verbs.add_parser("explain", help="what a captured conversation with a modem means")
    verb.add_argument("file", nargs="?", type=Path, help="a capture; without it: standard input")
    verb.add_argument("--jsonl", action="store_true", help="JSON lines in and out")
    verb.set_defaults(run=_explain)
    verb = verbs.add_parser("status", help="what the running gateway knows of its modem")
    verb.set_defaults(run=_status)
    _add_config(verb)
    verb = verbs.add_parser("supervise", help="look at the modem and keep it connected, in view")
    verb.add_argument("--dry-run", action="store_true", help="say what would be done, do nothing")
    verb.add_argument(
        "--looks",
        type=int,
        default=0,
        metavar="N",
        help="end after N looks (default: Ctrl-C ends)",
    )
    verb.set_defaults(run=_supervise)
    _add_config(verb)
    return parser


def _add_config(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--config", type=Path, default=_CONFIG, metavar="FILE", help=f"default: {_CONFIG}"
    )
    verb.add_argument("--json", action="store_true", help="print JSON")


def _status(arguments: argparse.Namespace) -> int:
    from gateway.modem import watch

    return watch.show(arguments.config, arguments.json)


def _supervise(arguments: argparse.Namespace) -> int:
    from gateway.modem import watch

    return watch.supervise(
        arguments.config, arguments.dry_run, max(0, arguments.looks), arguments.json
    )


def _explain(arguments: argparse.Namespace) -> int:
    try:
        stream = sys.stdin.buffer if arguments.file is None else arguments.file.open("rb")
        with stream:
            told = explain_jsonl(_lines(stream)) if arguments.jsonl else explain_capture(stream)
            return _print(told, sys.stdout)
    except OSError as error:
        print(f"{arguments.file or 'standard input'}: {error.strerror}", file=sys.stderr)
        return 2


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield lines; of one that is too long its beginning, which is no JSON."""
    while line := stream.readline(_MOST_JSON):
        yield line
        while len(line) == _MOST_JSON and line[-1:] != b"\n":
            line = stream.readline(_MOST_JSON)


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield what stands between CRs and LFs; what is too long is cut, and no line of a modem."""
    rest = b""
    while block := stream.read(_BLOCK):
        *whole, rest = (rest + block).replace(b"\r", b"\n").split(b"\n")
        yield from whole
        rest = rest[: MAX_LINE + 1]
    yield rest


def _print(lines: Iterable[str], to: IO[str]) -> int:
    try:
        for line in lines:
            print(line, file=to)
        to.flush()
    except BrokenPipeError:
        # who reads has seen enough, as `head` does; what is buffered must not complain at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), to.fileno())
    return 0


def explain_jsonl(lines: Iterable[bytes]) -> Iterator[str]:
    """Explain JSON lines; a line that is none is answered by an `error` in its place."""
    for line in lines:
        if not line.strip():
            continue
        answer: dict[str, Any] = {"id": None}
        try:
            asked = msgspec.json.decode(line, type=Request)
            answer["id"] = asked.id
            answer |= _explained(asked)
        except UnicodeEncodeError:
            answer["error"] = "raw: a character above U+00FF; bytes are given as latin-1 text"
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            answer["error"] = str(error)
        yield json.dumps(answer, ensure_ascii=False)


def _explained(asked: Request) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(
        explain(asked.command, [asked.raw.encode("latin-1")])
    )
    return found


def explain_capture(stream: IO[bytes]) -> Iterator[str]:
    """Explain a capture with echo in plain words: each line that is a command begins a new one.

    Nothing that a terminal would take for more than text is left in them.
    """
    text: str | None = None
    held: list[bytes] = []
    for line in _pieces(stream):
        stripped = line.strip().decode("latin-1")
        echo = stripped == text and not held
        if (stripped[:2].upper() == "AT" and not echo) or len(held) >= _MOST_HELD:
            yield from map(_shown, _words(text, held))
            text, held = (stripped if stripped[:2].upper() == "AT" else None), []
        if stripped and stripped != text:
            held.append(line)
    yield from map(_shown, _words(text, held))


def _shown(text: str) -> str:
    return "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text)


def _words(text: str | None, held: list[bytes]) -> Iterator[str]:
    raw = b"".join(b"\r\n" + line + b"\r\n" for line in held)
    if text is None and not raw:
        return
    found = explain(text, [raw])
    yield f"{text or 'by itself'}: {_outcome(text, found)}"
    for one in found.parsed if isinstance(found.parsed, list) else [found.parsed]:
        if one is not None:
            yield "  " + _told(one)
    yield from (f"  meanwhile: {line}" for line in found.urc if text is not None)


def _outcome(text: str | None, found: Explained) -> str:
    if text is None:
        return ", ".join(found.urc) or "nothing"
    return found.final or "no final result code"


def _told(parsed: dict[str, Any]) -> str:
    fields = [f"{key} {_plain(value)}" for key, value in parsed.items() if key != "type"]
    told = [field for field in fields if not field.endswith(" unknown")]
    return f"{parsed['type']}: {', '.join(told) or 'nothing that can be understood'}"


def _plain(value: Any) -> str:
    if value is None or value == []:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)
