"""Decides, inside one transaction, what becomes of each record of a batch."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

from protocol.schema import FIRST_TAG, Gap, GapCause, Record, RecordType
from protocol.wire import WireError, parse_data, record_of, tag_of
from sim.backend import commands
from sim.backend.tables import FORK, VERIFIED, RefusedRecord
from sim.backend.verify import BAD_TAG, CUT, Claim
from sim.backend.writes import Held, Writer

_WORTH_ANOTHER_READ = (BAD_TAG, CUT)
_RESPONSE, _GAP = int(RecordType.response), int(RecordType.gap)
Fresh = Sequence[tuple[Claim, Record]]


@dataclasses.dataclass(slots=True)
class Tally:
    """What became of a batch; `notes` are lines for the log.

    `urgent`: a response is among the new records, or they reach up to one that had come before
    them. `early`: bytes refused before came again too soon to count as a second reading of the
    journal.
    """

    stored: int = 0
    duplicates: int = 0
    refused: int = 0
    given_up: int = 0
    forks: int = 0
    urgent: bool = False
    early: bool = False
    notes: list[str] = dataclasses.field(default_factory=list)


class Batch:
    """One batch of one stream, in one transaction.

    `read_again` tells of a refused row whether the same bytes, come now, are a second reading.
    """

    def __init__(self, writer: Writer, read_again: Callable[[RefusedRecord], bool]) -> None:
        self._writer = writer
        self._read_again = read_again
        self._tally = Tally()

    def take(self, claims: Sequence[Claim]) -> Tally:
        """Store, recognise, set aside or refuse each record; order does not matter."""
        gaps = _gaps(claims)
        jumps = self._writer.jumps() | _jumps(gaps)
        held = self._writer.held(_concerned(claims, jumps))
        fresh, known = _split(claims, held)
        self._store(fresh, gaps)
        self._tally.urgent |= _reach_response([claim.seq for claim, _ in fresh], held)
        self._check_links([claim.seq for claim, _ in fresh], held, jumps)
        for claim in known:
            self._judge_known(claim, held.get(claim.seq))
        return self._tally

    def _store(self, fresh: Fresh, gaps: dict[int, Gap | None]) -> None:
        if not fresh:
            return
        self._writer.add(fresh)
        self._writer.came_from_here(max(claim.seq for claim, _ in fresh))
        self._tally.stored = len(fresh)
        for claim, record in fresh:
            self._tally.urgent |= record.type == _RESPONSE
            if record.type == _GAP:
                self._store_gap(claim.seq, gaps[claim.seq])
            elif commands.tells(record.type):
                self._writer.command_told(record)

    def _store_gap(self, seq: int, gap: Gap | None) -> None:
        if gap is None:
            self._alarm("gap_malformed", seq, "this GAP names no range before itself")
            return
        self._writer.add_gap(seq, gap)
        if gap.cause == GapCause.damaged:
            self._alarm("lost", gap.first, f"{gap.first} to {gap.last} damaged, says GAP {seq}")

    def _check_links(self, fresh: list[int], held: dict[int, Held], jumps: dict[int, int]) -> None:
        after = {first - 1: seq for seq, first in jumps.items()}
        to_check = set(fresh)
        to_check.update(seq + 1 for seq in fresh)
        to_check.update(after[seq] for seq in fresh if seq in after)
        for seq in sorted(to_check):
            before = jumps.get(seq, seq) - 1
            if seq in held and not _linked(held[seq], held.get(before), before):
                self._alarm("chain_break", seq, f"its predecessor tag is not that of {before}")

    def _judge_known(self, claim: Claim, held: Held | None) -> None:
        if held is not None and held.raw == claim.raw:
            self._tally.duplicates += 1
        elif claim.reason is not None:
            self._refuse(claim, claim.reason)
        elif held is not None and self._writer.fork(held, claim):
            self._tally.forks += 1
            self._alarm("fork", claim.seq, "two records of this seq verify: neither is evidence")
        else:
            self._tally.duplicates += 1

    def _refuse(self, claim: Claim, reason: str) -> None:
        row = self._writer.refusal(claim)
        if row is None:
            self._writer.refuse(claim, wanted=reason in _WORTH_ANOTHER_READ)
            self._tally.refused += 1
            self._alarm("refused", claim.seq, reason)
        elif not row.open:
            self._tally.duplicates += 1
        elif not self._read_again(row):
            self._tally.early = True
            self._writer.count("refused_again_early")
        elif self._writer.give_up(claim):
            self._tally.given_up += 1
            self._alarm("refused_twice", claim.seq, "the journal gave the same bytes twice")
        else:
            self._alarm("refused_full", None, "too many records refused twice")

    def _alarm(self, kind: str, seq: int | None, text: str) -> None:
        if self._writer.alarm(kind, seq, text):
            self._tally.notes.append(f"{kind} at seq {seq}: {text}")


def _split(
    claims: Sequence[Claim], held: dict[int, Held]
) -> tuple[list[tuple[Claim, Record]], list[Claim]]:
    # what is new joins `held`, so that a batch may hold a record and its double
    fresh = []
    known = []
    for claim in claims:
        if claim.record is None or claim.seq in held:
            known.append(claim)
            continue
        held[claim.seq] = Held(claim.seq, claim.raw, claim.previous, "", VERIFIED)
        fresh.append((claim, claim.record))
    return fresh, known


def _reach_response(fresh: Sequence[int], held: Mapping[int, Held]) -> bool:
    # an urgent one overtakes: only now can the watermark pass it, and its dispenser waits for that
    above = (held[seq] for seq in {seq + 1 for seq in fresh} - set(fresh) if seq in held)
    return any(record_of(record.raw).type == _RESPONSE for record in above)


def _concerned(claims: Sequence[Claim], jumps: dict[int, int]) -> set[int]:
    seqs = {claim.seq for claim in claims}
    verified = [claim.seq for claim in claims if claim.record is not None]
    seqs.update(seq + step for seq in verified for step in (-1, 1))
    return seqs | set(jumps) | {first - 1 for first in jumps.values()}


def _linked(record: Held, before: Held | None, before_seq: int) -> bool:
    if before_seq < 0:
        return record.previous == FIRST_TAG
    if before is None or FORK in (before.status, record.status):
        return True
    return record.previous == tag_of(before.raw)


def _gaps(claims: Iterable[Claim]) -> dict[int, Gap | None]:
    records = [claim.record for claim in claims if claim.record is not None]
    return {r.seq: _gap(r) for r in records if r.type == _GAP}


def _gap(record: Record) -> Gap | None:
    try:
        gap = parse_data(record)
    except WireError:
        return None
    return gap if isinstance(gap, Gap) and gap.first <= gap.last < record.seq else None


def _jumps(gaps: dict[int, Gap | None]) -> dict[int, int]:
    return {
        seq: gap.first
        for seq, gap in gaps.items()
        if gap is not None and gap.cause == GapCause.damaged and gap.last == seq - 1
    }
