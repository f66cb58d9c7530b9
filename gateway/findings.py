"""What works and what does not, part by part: the judgement behind `status` and `doctor`."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gateway import certificates
from gateway.config import Config
from gateway.dispensers import STRANGER, PortTask
from gateway.incidents import Incident
from gateway.state import State
from gateway.uplink import Uplink
from gateway.usb import UsbPort

_DAY = 86400.0
_SOON = 30 * _DAY
_LEAST_FREE = 64 << 20


class Finding(NamedTuple):
    """A part and how it is: True works, False does not, None neither (nothing is wrong).

    `text` stays the same as long as the state does; what changes all the time is in `detail`.
    """

    part: str
    works: bool | None
    text: str
    remedy: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A finding and for how many seconds it has been so."""

    finding: Finding
    seconds: float


class Memory:
    """Remembers since when each part has been as it is; `now` gives monotonic seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._since: dict[str, tuple[tuple[bool | None, str], float]] = {}

    def note(self, findings: list[Finding]) -> list[Held]:
        """Take what was found now; return it with how long it has been so."""
        now, since = self._now(), {}
        for finding in findings:
            state = (finding.works, finding.text)
            before = self._since.get(finding.part)
            since[finding.part] = before if before and before[0] == state else (state, now)
        self._since = since
        return [Held(finding, now - since[finding.part][1]) for finding in findings]


def port(task: PortTask) -> Finding:
    """Judge a port and the dispenser on it."""
    session, part = task.session, f"port {task.path}"
    if task.at_prompt:
        return Finding(
            part,
            False,
            "a dispenser at its prompt instead of its firmware",
            "leave its port alone and it is told to start; if it comes back to the prompt: "
            "`dosewire flash`",
        )
    if session.state is State.CLOSED:
        return _closed(part, task.trouble)
    if session.ills:
        return Finding(
            part, False, f"dispenser {task.dispenser} {session.ills}", "`dosewire provision`"
        )
    if session.state is State.READING:
        at = f"read to seq {session.read_to}"
        return Finding(part, True, f"reads dispenser {task.dispenser}", detail=at)
    if session.state is State.RESTING:
        return Finding(part, None, "rests after trouble", detail=task.trouble)
    if not task.trouble:
        return Finding(part, None, "asks who is there")
    return _unanswered(part, task.trouble)


def _closed(part: str, trouble: str) -> Finding:
    if "held by" in trouble:
        remedy = "end the program that has it open (mpremote, a terminal)"
        return Finding(part, False, "held by another program", remedy)
    if "nobody" in trouble or "does not answer" in trouble or trouble == STRANGER:
        return _unanswered(part, trouble)
    remedy = "plug the dispenser in; if it is: check cable, hub, and that the port is named right"
    return Finding(part, False, trouble or "not open", remedy)


def _unanswered(part: str, trouble: str) -> Finding:
    if trouble == STRANGER:
        remedy = "is the port named right? it is only asked who is there, and left alone"
        return Finding(part, False, trouble, remedy)
    remedy = "check cable and power; if it is a Pico without firmware: `dosewire flash`"
    return Finding(part, False, "nobody answers", remedy)


def stranger(found: UsbPort) -> Finding:
    """Name a device that is no dispenser."""
    return Finding(f"usb {found.node}", None, f"no dispenser ({found.usb} {found.product})")


def uplink(uplink: Uplink, paused: bool, unanswered: bool, address: str) -> Finding:
    """Judge the connection to the broker and the backend behind it."""
    connected, trouble = uplink.connected, uplink.trouble
    if uplink.asleep and not connected:
        return Finding("uplink", True, f"asleep, as its profile wants; broker {address}")
    if connected and unanswered:
        return Finding(
            "uplink",
            False,
            f"connected to {address}, but the backend answers no question",
            "look at the backend, and whether this gateway may read what is sent to it "
            "(rtm/v1/ID/dn/#); records wait in the spool",
        )
    if connected and not paused:
        return Finding("uplink", True, f"connected to {address}")
    if connected:
        return Finding(
            "uplink",
            False,
            f"connected to {address}, but the backend does not take anything",
            "nothing here: records wait in the spool; look at backend and broker rights",
        )
    return Finding(
        "uplink",
        False,
        f"not connected to {address}",
        "`dosewire gateway doctor` says which step fails; records wait in the spool",
        trouble,
    )


_SPOOL = {
    "spool_locked": ("locked by another process", "end what has the spool open for writing"),
    "spool_full": ("full", "make room, or let the uplink drain it; dispensers keep their records"),
    "spool_errors": ("cannot be written", "look at the disk: `dmesg`, file system, permissions"),
}


def spool(trouble: str) -> Finding:
    """Judge the spool by its last transaction."""
    if not trouble:
        return Finding("spool", True, "takes records")
    text, remedy = _SPOOL.get(trouble, (trouble, "look at the log"))
    return Finding("spool", False, text, remedy)


def budget(today: int, most: int) -> Iterator[Finding]:
    """Judge the day's bytes on the air, if they have a budget."""
    if not most:
        return
    so_far = f"{today / 1000:.0f} of {most / 1000:.0f} kB since midnight UTC"
    if today <= most:
        yield Finding("bytes", True, "within the day's budget", detail=so_far)
        return
    remedy = (
        "nothing stops; see what was published (`published_again`, `questions`, `connects` in "
        "`status --json`), or raise publishing.daily_bytes"
    )
    yield Finding("bytes", False, "above the day's budget", remedy, so_far)


_INCIDENTS = {
    "missing": (
        "skipped without a GAP record: not in the journal",
        "they are asked for with every watermark; if it stays: read the journal on the bench",
        "came after all, or a GAP record explains them",
    ),
    "lost": (
        "",
        "",
        "lost, and a GAP record says so: trimmed for want of room, or damaged",
    ),
    "refused": (
        "refused by the backend: it cannot verify them",
        "they are read again from the journal and published again: wait; if many: is the "
        "dispenser in the backend's registry?",
        "refused by the backend, read again and settled",
    ),
    "quarantined": (
        "unverifiable in the journal itself: the backend keeps their bytes aside",
        "they are evidence of nothing; was the dispenser provisioned anew, or tampered with?",
        "unverifiable in the journal itself, kept aside by the backend",
    ),
    "forked": (
        "two different ones under the same seq: both published, neither is evidence",
        "was the dispenser's flash copied or restored? provision it anew: `dosewire provision`",
        "two different ones under the same seq, both published",
    ),
    "doubtful": (
        "its watermarks are ignored: older, beyond what is known, with a foreign tag, or of a "
        "backend that loses its records time and again",
        "nothing is pruned meanwhile; was the backend restored without a new store, do two "
        "backends answer, or does another gateway read this dispenser?",
        "watermarks were ignored until a good one came",
    ),
}


def incident(found: Incident, is_open: bool) -> Finding:
    """Tell what happened to records of a dispenser."""
    text, remedy, settled = _INCIDENTS[found.kind]
    what = "records" if found.kind != "doubtful" else "watermarks"
    detail = f"{found.count} {what}, seq {found.first} to {found.last}"
    part = f"{found.kind} {found.dispenser}/{found.epoch}"
    return (
        Finding(part, False, text, remedy, detail)
        if is_open
        else (Finding(part, None, settled, detail=detail))
    )


def clock(given: bool, behind: bool, floor: Path) -> Finding:
    """Judge whether dispensers get the time from this host."""
    if given:
        return Finding("clock", True, "good enough for dispensers")
    if behind:
        remedy = f"set the clock; if it is right, remove {floor} and start anew"
        return Finding("clock", False, "behind what it was: not given to dispensers", remedy)
    remedy = "`timedatectl set-ntp true`, or [time] trust_clock if it is set otherwise"
    return Finding("clock", False, "not synchronised: not given to dispensers", remedy)


def certificate(path: Path, key: str, name: str | None, unix: float) -> Finding:
    """Judge a certificate: readable, valid now, not for much longer, the right name."""
    part = f"certificate {key}"
    try:
        found = certificates.read(path)
    except ValueError as error:
        return Finding(part, False, str(error), f"put the PEM file where uplink.{key} says")
    if name is not None and found.name != name:
        text = f"is that of {found.name!r}, not of {name!r}"
        return Finding(part, False, text, "gateway.id must be the certificate's common name")
    if unix < found.begins:
        return Finding(part, False, "not valid yet", "check the clock, or wait")
    if unix >= found.ends:
        text = "expired; dispensers are read, nothing is delivered"
        return Finding(part, False, text, f"get a new one and put it at {path}")
    left = f"for {(found.ends - unix) / _DAY:.0f} days more"
    if found.ends - unix < _SOON:
        return Finding(part, False, "expires soon", f"get a new one and put it at {path}", left)
    return Finding(part, True, "valid", detail=left)


def credentials(config: Config, unix: float) -> Iterator[Finding]:
    """Judge this gateway's certificate and the authority's."""
    yield certificate(Path(config.uplink.cert), "cert", config.gateway.id, unix)
    yield certificate(Path(config.uplink.ca), "ca", None, unix)


def disk(folder: Path) -> Finding:
    """Judge the room for the spool."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding("disk", False, f"{folder}: {error.strerror}", "make the folder")
    left = f"{free >> 20} MiB free"
    if free < _LEAST_FREE:
        text = f"nearly full at {folder}"
        return Finding("disk", False, text, "make room; a full disk stops reading", left)
    return Finding("disk", True, f"room at {folder}", detail=left)


def loops(late: list[str]) -> Finding:
    """Judge whether every loop of the daemon gets round."""
    if late:
        text = f"stands still: {', '.join(late)}"
        return Finding("daemon", False, text, "systemd restarts it; without: restart it")
    return Finding("daemon", True, "every loop gets round")
