"""Where a session reads: at the cursor, or on a detour to what must be read again.

The reader owns the offset: nothing is passed over without a GAP record that names it, or an alarm
after it was asked for again.
"""

from collections.abc import Callable

from gateway.detours import Detours
from gateway.gaps import Span, gap_of
from gateway.spool import Cursor, Link
from protocol import schema, wire

_SKIPS_ASKED = 3
_BACKLOG = 512
# fits into the window whatever their size: it is read without any ACK
_TAIL = 24


class Reading:
    """Positions in one epoch; `count(counter, text)` is told what is wrong. Seqs throughout.

    `missing(first, last)` is told of seqs that the journal does not give.
    """

    def __init__(
        self, count: Callable[[str, str], None], missing: Callable[[int, int], None]
    ) -> None:
        self.next = 0
        self.expected = 0
        self._count = count
        self._missing = missing
        self._detours = Detours()
        self._detour: Span | None = None
        self._tag: bytes | None = None
        self._stalled_at: int | None = None
        self._skips = 0
        self._read_back = False

    @property
    def following(self) -> int | None:
        """Where the cursor belongs after what was taken; None on a detour."""
        return None if self._detour is not None else self.next

    @property
    def ahead(self) -> bool:
        """Tell whether what is read lies beyond the cursor: no ACK may claim what is between."""
        return self._detour is not None and self._detour[0] > self.next

    def resume(self, cursor: Cursor | None, hello: schema.Hello, now: float) -> None:
        """Go on at the cursor; what the spool does not know, from the journal's first.

        Before a long backlog the newest are read: what is urgent must not wait behind it.
        """
        self._skips = 0
        if cursor is None or cursor.epoch != hello.epoch:
            self.next, self._tag = hello.first, None
        elif cursor.next > hello.next:
            self._count("cursor_beyond", f"was read to seq={cursor.next}, ends at {hello.next}")
            self.next, self._tag = hello.next, None
        else:
            self.next, self._tag = cursor.next, cursor.tag
        if hello.next - self.next > _BACKLOG:
            self._detours.want((hello.next - _TAIL, hello.next - 1), now)

    def begin(self, now: float) -> int:
        """Return where a new READ starts."""
        self._detour = self._detours.next(now)
        self.expected = self.next if self._detour is None else self._detour[0]
        self._stalled_at = None
        return self.expected

    def want(self, spans: list[Span], first_held: int, now: float) -> None:
        """Ask for ranges to be read again."""
        for first, last in spans:
            if last < first_held:
                self._miss(first, last, "is not in the journal any more")
            else:
                self._detours.want((max(first, first_held), last), now)

    def detour_due(self, now: float) -> bool:
        """Tell whether to leave the cursor for a detour."""
        return self._detour is None and self._detours.next(now) is not None

    def take(self, links: list[Link], first_held: int, now: float) -> list[Link] | None:
        """Return those records that are to be committed, None if it is to be read again."""
        if self._detour is not None:
            return self._take_detour(self._detour, links)
        first = links[0]
        if first.seq > self.expected and not self._may_skip(first, first_held):
            return None
        if first.seq == self.expected and self._tag not in (None, first.previous):
            self._chain_broke(first.seq, first_held, now)
        self._skips = 0
        self.expected = self.next = max(self.expected, links[-1].seq + 1)
        self._tag = wire.tag_of(links[-1].raw)
        self._stalled_at = None
        return links

    def committed(self, acked: int) -> bool:
        """Note what is in the spool; tell whether this READ has served."""
        if self._detour is None:
            return False
        self._detour = self._detours.progress(self._detour, acked)
        return self._detour is None

    def stalled(self, end: int) -> bool:
        """Tell whether records up to `end` should have come: asked with every answer to a ping.

        A record may be on its way while HELLO is answered: two answers make it certain.
        """
        waiting = self.expected if end > self.expected else None
        stalled = waiting is not None and waiting == self._stalled_at
        self._stalled_at = waiting
        if stalled:
            self._count("stalls", f"seq={self.expected} did not come")
        return stalled

    def _may_skip(self, first: Link, first_held: int) -> bool:
        gap = gap_of(first.raw)
        if gap is not None and gap.first <= self.expected and gap.last >= first.seq - 1:
            return True
        self._skips += 1
        if self._skips <= _SKIPS_ASKED and self.expected >= first_held:
            return False
        self._miss(self.expected, first.seq - 1, "without a GAP record")
        return True

    def _miss(self, first: int, last: int, text: str) -> None:
        self._count("missing", f"seq={first}..{last} {text}")
        self._missing(first, last)

    def _chain_broke(self, seq: int, first_held: int, now: float) -> None:
        self._count("chain_breaks", f"seq={seq} does not follow the record held before it")
        if not self._read_back and first_held < seq:
            # another life of the same journal: read it all, the spool keeps both
            self._read_back = True
            self._detours.want((first_held, seq - 1), now)

    def _take_detour(self, span: Span, links: list[Link]) -> list[Link] | None:
        if self.expected > span[1]:
            return []  # complete, and on its way into the spool
        wanted = [link for link in links if link.seq <= span[1]]
        if not wanted:
            self._miss(self.expected, span[1], "is not in the journal")
            self._detour = self._detours.progress(span, span[1] + 1)
            return None
        self.expected = max(self.expected, wanted[-1].seq + 1)
        self._stalled_at = None
        return wanted


def links_of(previous: bytes, raws: list[bytes]) -> list[Link]:
    """Return records of contiguous seqs, at least one, with those and their predecessors' tags."""
    links = []
    for seq, raw in enumerate(raws, wire.seq_of(raws[0])):
        links.append(Link(seq, previous, raw))
        previous = wire.tag_of(raw)
    return links
