"""What flashing a board would do, or why it must not be done. Decides, touches nothing."""

import dataclasses

from hardware import board as boards
from protocol.bundle import START, Release
from protocol.schema import PROTOCOL_VERSION
from tools.compile import placed
from tools.exits import Exit, ToolError
from tools.facts import Facts, other_slot
from tools.release import numbers


class RefusedError(ToolError):
    """This release must not go onto this board; one line."""


@dataclasses.dataclass(frozen=True, slots=True)
class Allowed:
    """What a tech has expressly said yes to."""

    downgrade: bool = False
    foreign: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What will be done: `write` are paths of the release, `slot` where they go.

    `back_to`: slot that the pointer must name before anything is written, None if it does.
    """

    slot: str
    back_to: str | None
    before: str | None
    write: list[str]
    outside: list[str]
    current: bool


def check(release: Release, facts: Facts, allowed: Allowed) -> None:
    """Raise RefusedError unless this release may go onto this board."""
    protocol_fits(release)
    manifest = release.manifest
    if facts.machine not in _machines(manifest.boards):
        raise RefusedError(
            f"wrong board: this is {facts.machine!r}, the release is for "
            f"{', '.join(manifest.boards)}: take the release for this board",
            Exit.WRONG_BOARD,
        )
    if tuple(facts.micropython) < numbers(manifest.micropython):
        have = ".".join(map(str, facts.micropython))
        raise RefusedError(
            f"MicroPython {have} is older than {manifest.micropython}: put a newer image on first"
            " (hold BOOTSEL while plugging in, then `dosewire flash --uf2 FILE`)",
            Exit.OLD_MICROPYTHON,
        )
    if facts.foreign and not allowed.foreign:
        raise RefusedError(
            f"not a dispenser: it holds {', '.join(facts.foreign[:3])}; --foreign goes on, "
            "replaces main.py and boot.py and leaves the rest",
            Exit.FOREIGN,
        )
    _upgrade(release, facts, allowed)


def protocol_fits(release: Release) -> None:
    """Raise RefusedError if these tools could not talk to the release."""
    spoken = release.manifest.protocol
    if spoken != PROTOCOL_VERSION:
        raise RefusedError(
            f"the release speaks protocol {spoken}, these tools {PROTOCOL_VERSION}: "
            "use the tools that came with it",
            Exit.OTHER_PROTOCOL,
        )


def make(release: Release, facts: Facts, held: dict[str, str]) -> Plan:
    """Plan from what the board holds: `held` is the SHA-256 of each path there, `-` for none."""
    sums = {file.path: file.sha256 for file in release.manifest.files}
    outside = [path for path in START if held.get(placed(path, "a")) != sums[path]]
    kept = facts.kept
    target = other_slot(kept) if kept else "a"
    slot = [path for path in sums if path not in START]
    lacks = {s: [path for path in slot if held.get(placed(path, s)) != sums[path]] for s in "ab"}
    runs = facts.installed and not lacks[facts.active] and not outside
    back = kept if kept and kept != facts.active else None
    before = facts.versions.get(kept) if kept else None
    if runs:
        return Plan(facts.active, None, before, [], [], True)
    return Plan(target, back, before, lacks[target], outside, False)


def wanted(release: Release) -> list[str]:
    """Return every path on the board whose content a plan depends on."""
    slot = [file.path for file in release.manifest.files if file.path not in START]
    return [placed(path, s) for s in "ab" for path in slot] + [f"/{path}" for path in START]


def _machines(names: list[str]) -> list[str]:
    # a release may also be for boards that these tools do not know
    return [boards.load(name).machine for name in names if name in boards.names()]


def _upgrade(release: Release, facts: Facts, allowed: Allowed) -> None:
    held = facts.versions.get(facts.kept or "") or ""
    if facts.installed and numbers(held) > release.manifest.version and not allowed.downgrade:
        raise RefusedError(
            f"downgrade: the board holds {held}, the release is {release.version}; "
            "--allow-downgrade if that is meant",
            Exit.DOWNGRADE,
        )
