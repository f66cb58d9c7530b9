"""What a command tells and asks the person at the bench: on the terminal, answers from there."""

import sys

from tools.exits import Exit, ToolError

_YES, _NO = ("y", "yes"), ("n", "no")


class Asker:
    """Speaks on stderr, so that stdout is the result alone; a bar is not needed for words."""

    def tell(self, text: str) -> None:
        """Say what to do, or how it goes."""
        print(text, file=sys.stderr, flush=True)

    def wait(self, text: str) -> None:
        """Say what to do and wait for Enter; raises ToolError if nobody is there."""
        self._read(f"{text}, then press Enter: ")

    def yes(self, question: str) -> bool:
        """Return the answer; asks again until it is one. Raises ToolError if nobody is there."""
        while True:
            said = self._read(f"{question} [y/n] ").strip().lower()
            if said in _YES or said in _NO:
                return said in _YES

    def _read(self, text: str) -> str:
        print(text, end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            raise ToolError("nobody answers: run it in a terminal", Exit.USAGE)
        return line
