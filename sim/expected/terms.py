"""The words and numbers of the table: times in ns."""

import dataclasses

from sim.ledger import Stimulus

MS = 1_000_000
WRITE_NS = 250 * MS
"""Longest a record may take from debounced to flash: the dispenser's bound between two feeds."""
BOOT_NS = 2_000 * MS
"""Longest from power to the first look at the inputs."""
TIME_NS = 1_000 * MS
"""How far a record's time may be from the true one."""
COLLAPSE_NS = 60_000 * MS
"""A beam broken again so soon belongs to the same access."""
REPEAT_NS = 2_000 * MS
"""The same button pressed again so soon is the same response."""
CORRECT_NS = 10_000 * MS
"""Another button pressed so soon corrects the response."""
SUSPECT_NS = 180_000 * MS
"""A lid open for longer may be a refill."""
SUSPECT_REACHED = 3
REFILL_NS = 600_000 * MS
"""A refill ends by itself."""
CLOSED_NS = 60_000 * MS
"""Or so long after the lid was closed."""
TIMED = frozenset({"dose_end", "refill"})
"""What time alone brings about: nothing tells whether the run lasted for so long."""
SLACK_NS = 2_000 * MS
JITTER_NS = 300 * MS
"""How far the dispenser's time between two presses may be from the true one."""
HOLD_NS = 60 * MS
EPSILON = 1
FOREVER = 1 << 63
BEAMS = tuple(f"beam{n}" for n in range(1, 5))

Fields = tuple[tuple[str, int], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Expected:
    """A record that must be there, or may be if `undecided` says why.

    `t` is the true time the record must tell, `due` when it is decided (the order of seqs),
    `duration` in ms, None where its kind has none; `input` is the one that caused it; `boot`
    counts the dispenser's boots, `mode` is a number of `schema.Mode`; `loose`: how far `t` may be
    off the truth, ns.
    """

    dispenser: str
    kind: str
    fields: Fields
    t: int
    due: int
    input: str
    duration: int | None = None
    undecided: str = ""
    within: int = TIME_NS
    boot: int = 0
    mode: int = 0
    loose: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Boot:
    """One run of the app: from `start` to `end`; `active` are the inputs that were so then."""

    start: int
    end: int
    active: frozenset[str]
    edges: tuple[Stimulus, ...]

    @property
    def last(self) -> int:
        """When something last happened that is known."""
        return max((edge.t for edge in self.edges), default=self.start)


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """A debounced change: the edge that began it, and when it counts."""

    t: int
    due: int
    active: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Opening:
    """From where the beams were lit to the lid's closing."""

    lit: int
    closing: Change
    from_boot: bool


@dataclasses.dataclass(slots=True)
class Access:
    """One compartment reached: since when, how often, and whether its beginning was seen."""

    t: int
    breaks: int
    known: bool
    whole: int | None = None


@dataclasses.dataclass(slots=True)
class Press:
    """A response: its first press and its latest; unclear if it may be no response of its own."""

    button: int
    first: int
    latest: int
    unclear: bool
