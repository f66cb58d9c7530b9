"""What a board at its prompt says of itself: machine, MicroPython, slots, identity. Reads only."""

from typing import Annotated

import msgspec

from tools.prompt import Prompt, PromptError

SLOTS = ("a", "b")
_ASK = """
import sys, os, json
def _text(path):
    try:
        with open(path) as file:
            return file.read(200).strip()
    except Exception:
        return None
def _names(path):
    try:
        return os.listdir(path)
    except OSError:
        return []
_room = os.statvfs("/")
print(json.dumps({
    "machine": getattr(sys.implementation, "_machine", sys.platform),
    "micropython": list(sys.implementation[1])[:3],
    "root": _names("/"),
    "slot": _text("/slot"),
    "states": {slot: _text("/slots/%s/state" % slot) for slot in "ab"},
    "versions": {slot: _text("/slots/%s/version" % slot) for slot in "ab"},
    "identity": _text("/identity"),
    "free": _room[0] * _room[3],
}))
"""
# names that our firmware and tools make at the root
_OURS = {"slots", "slot", "identity", "journal", "settings", "crash", "boot.py", "main.py"}


class Facts(msgspec.Struct, frozen=True):
    """What is on a board.

    `states` and `versions` are the texts of the files in each slot, None without one; `free` is in
    bytes.
    """

    machine: str
    micropython: Annotated[tuple[int, ...], msgspec.Meta(min_length=2)]
    root: list[str]
    slot: str | None
    states: dict[str, str | None]
    versions: dict[str, str | None]
    identity: str | None
    free: int

    @property
    def installed(self) -> bool:
        """Whether a start finds our main.py."""
        return "main.py" in self.root and "slots" in self.root

    @property
    def foreign(self) -> list[str]:
        """Files at the root of a board that never was a dispenser."""
        if "slots" in self.root:
            return []
        return sorted(set(self.root) - _OURS | set(self.root) & {"main.py"})

    @property
    def active(self) -> str:
        """The slot that a start takes: boot.py's rule."""
        return "b" if self.slot == "b" else "a"

    @property
    def kept(self) -> str | None:
        """The slot that must stay as it is until another one is proven; None: nothing starts."""
        if not self.installed:
            return None
        other = other_slot(self.active)
        for slot in (self.active, other):
            if self.states.get(slot) == "confirmed":
                return slot
        return self.active


def other_slot(slot: str) -> str:
    """Return the slot beside this one."""
    return "a" if slot == "b" else "b"


def ask(prompt: Prompt) -> Facts:
    """Ask a board; raises PromptError."""
    told = prompt.run(_ASK)
    try:
        return msgspec.json.decode(told.strip().splitlines()[-1], type=Facts)
    except (msgspec.MsgspecError, IndexError) as error:
        raise PromptError(f"the board tells {told[:80]!r} of itself: is it a Pico?") from error
