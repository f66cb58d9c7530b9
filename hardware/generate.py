"""Makes all that is made from the boards' data: `python -m hardware.generate [--check]`."""

import sys
from collections.abc import Iterable
from pathlib import Path

from hardware import board as boards
from hardware import check, front, pinmap, tables, wiring
from hardware.board import Board

HERE = Path(__file__).parent
OUT = HERE / "made"


def files(board: Board) -> dict[Path, str]:
    """What is made of one board: file and text."""
    folder = OUT / board.name
    made = {
        folder / "bom.csv": tables.bill(board),
        folder / "pins.md": tables.pins(board),
        folder / "pins.py": pinmap.generate(board),
        folder / "wiring.svg": wiring.diagram(board),
        folder / "front.svg": front.plate(),
    }
    if board.name == pinmap.BOARD:
        made[pinmap.TARGET] = made.pop(folder / "pins.py")
    return made


def main(arguments: Iterable[str]) -> int:
    """Write every file, or with `--check` tell which is stale; 1 if a board cannot be built."""
    stale = []
    for name in boards.names():
        board = boards.load(name)
        for problem in check.problems(board):
            print(f"{name}.toml: {problem}", file=sys.stderr)
            return 1
        stale += [path for path, text in files(board).items() if not _same(path, text)]
        if "--check" not in arguments:
            _write(files(board))
    if "--check" not in arguments or not stale:
        return 0
    for path in stale:
        print(f"{path.relative_to(HERE.parent)} is stale: run `make generate`", file=sys.stderr)
    return 1


def _same(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def _write(texts: dict[Path, str]) -> None:
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
