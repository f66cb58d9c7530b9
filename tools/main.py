"""The `dosewire` command: finds who answers it, and loads nothing else.

`gateway` and `modem` work with the [gateway] extra alone, so a small board needs no more.
"""

import sys
from collections.abc import Sequence

_EXTRA = {"gateway": "gateway", "modem": "gateway"} | dict.fromkeys(
    ("backend", "evidence", "sim"), "sim"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    extra = _EXTRA.get(words[0] if words else "", "tools")
    try:
        return _run(words)
    except ModuleNotFoundError as error:
        print(
            f"dosewire: {error.name} is not installed: pip install 'dosewire[{extra}]'",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:  # while it loads: later each command ends in its own way
        print("interrupted", file=sys.stderr)
        return 130


def _run(words: list[str]) -> int:
    if words[:1] == ["gateway"]:
        from gateway.cli import main as gateway

        return gateway(words[1:])
    if words[:1] == ["modem"]:
        from gateway.modem.cli import main as modem

        return modem(words[1:])
    from tools.app import app

    app(words)
    return 0


if __name__ == "__main__":
    sys.exit(main())
