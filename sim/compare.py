"""Expected records against stored ones: kind, fields, order, time, exactly once.

Records are matched per kind and fields with the smallest total error in time; what remains over
is explained in this order: told at a wrong time, told wrongly, told twice, unexplained, lost.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Sequence

from protocol.schema import UNKNOWN_DURATION
from sim.expected import MS, TIME_NS, Expected
from sim.ledger import utc
from sim.stored import Stored

Pair = tuple[Expected, Stored]
PATIENT = frozenset(
    {"lid_opened", "lid_closed", "dose", "dose_end", "response", "state", "refill"}
)
"""Kinds that stimuli decide; all others are housekeeping."""
ORDER_NS = 50 * MS
"""Two stimuli of different inputs closer than the longest debounce time have no true order."""
_DURATION_MS = 250
"""Both ends of a duration are seen late by at most the bound between two feeds, not by more."""
_SKIP = 1e6
_UNPLACED = 0.9


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it must be, named by dispenser, epoch and seq where it has them."""

    kind: str
    text: str
    dispenser: str = ""
    epoch: int = 0
    seq: int = -1


@dataclasses.dataclass(slots=True)
class Comparison:
    """The verdict on one dispenser."""

    matched: list[Pair]
    undecided: list[Expected]
    differences: list[Difference]


def compare(
    expected: Sequence[Expected], stored: Sequence[Stored], epochs: Sequence[int]
) -> Comparison:
    """Judge the patient's records of one dispenser; `epochs` in the order of their lives."""
    rest_stored = [record for record in stored if record.kind in PATIENT]
    rank = {epoch: n for n, epoch in enumerate(epochs)}
    rest_stored.sort(key=lambda r: (rank.get(r.epoch, len(rank)), r.seq))
    order = {id(record): n for n, record in enumerate(rest_stored)}
    matched: list[Pair] = []
    for group, candidates in _groups(expected, rest_stored):
        matched += _align(group, candidates)
    differences = [d for pair in matched for d in _wrong_duration(pair)]
    differences += [_mistimed(pair) for pair in matched if pair[1].t is None]
    differences += [d for pair in matched for d in _too_soon(pair)]
    differences += _wrong_boots(matched, order)
    left, over = _remaining(expected, rest_stored, matched)
    mistimed = _pair_off(left, over, _same_record, _by_time)
    left, over = _remaining(left, over, mistimed)
    wrong = _pair_off(left, over, _same_moment, _by_time)
    left, over = _remaining(left, over, wrong)
    differences += [_mistimed(pair) for pair in mistimed] + [_wrong(pair) for pair in wrong]
    differences += [_surplus(record, matched) for record in over]
    differences += [_lost(item) for item in left if not item.undecided]
    differences += _misordered([*matched, *mistimed, *wrong], order)
    return Comparison(matched, [e for e in expected if e.undecided], differences)


def _groups(
    expected: Iterable[Expected], stored: Iterable[Stored]
) -> Iterable[tuple[list[Expected], list[Stored]]]:
    groups: dict[object, tuple[list[Expected], list[Stored]]] = {}
    for item in expected:
        groups.setdefault((item.kind, item.fields), ([], []))[0].append(item)
    for record in stored:
        groups.setdefault((record.kind, record.fields), ([], []))[1].append(record)
    for group, candidates in groups.values():
        yield sorted(group, key=lambda e: e.t), _by_placed(candidates)


def _by_placed(records: Iterable[Stored]) -> list[Stored]:
    # a record without time stays behind its predecessor in the journal
    last = 0
    keyed = []
    for n, record in enumerate(records):
        last = last if record.t is None else record.t
        keyed.append((last, n, record))
    return [record for _, _, record in sorted(keyed, key=lambda item: item[:2])]


def _align(expected: Sequence[Expected], stored: Sequence[Stored]) -> list[Pair]:
    """Match two rows in order, leaving as few as possible, then with the least error in time."""
    width = len(stored) + 1
    cost = [[n * _SKIP for n in range(width)]]
    for item in expected:
        above = cost[-1]
        row = [above[0] + _skip(item)]
        for n, record in enumerate(stored):
            best = min(above[n + 1] + _skip(item), row[n] + _SKIP)
            row.append(min(best, above[n] + _error(item, record)))
        cost.append(row)
    return _trace(expected, stored, cost)


def _trace(
    expected: Sequence[Expected], stored: Sequence[Stored], cost: Sequence[Sequence[float]]
) -> list[Pair]:
    pairs = []
    i, j = len(expected), len(stored)
    while i and j:
        item, record = expected[i - 1], stored[j - 1]
        if cost[i][j] == cost[i - 1][j - 1] + _error(item, record):
            pairs.append((item, record))
            i, j = i - 1, j - 1
        elif cost[i][j] == cost[i - 1][j] + _skip(item):
            i -= 1
        else:
            j -= 1
    return pairs[::-1]


def _skip(item: Expected) -> float:
    return 1.0 if item.undecided else _SKIP


def _error(item: Expected, record: Stored) -> float:
    # seconds; never cheaper to leave both than to match, never possible when too far in time
    if record.t is None:
        return _UNPLACED
    off = abs(record.t - item.t)
    return off / item.within * _UNPLACED if off <= item.within else 3 * _SKIP


def _remaining(
    expected: Sequence[Expected], stored: Sequence[Stored], pairs: Iterable[Pair]
) -> tuple[list[Expected], list[Stored]]:
    used = {id(part) for pair in pairs for part in pair}
    return (
        [item for item in expected if id(item) not in used],
        [record for record in stored if id(record) not in used],
    )


def _pair_off(
    expected: Sequence[Expected],
    stored: Sequence[Stored],
    fits: Callable[[Expected, Stored], bool],
    distance: Callable[[Expected, Stored], int],
) -> list[Pair]:
    """Pair what fits, nearest first."""
    found = [(distance(e, s), i, j, e, s) for i, e in enumerate(expected)
             for j, s in enumerate(stored) if fits(e, s)]  # fmt: skip
    pairs: list[Pair] = []
    used: set[int] = set()
    for _, _, _, item, record in sorted(found, key=lambda entry: entry[:3]):
        if id(item) not in used and id(record) not in used:
            used |= {id(item), id(record)}
            pairs.append((item, record))
    return pairs


def _same_record(item: Expected, record: Stored) -> bool:
    same = (item.kind, item.fields) == (record.kind, record.fields)
    return same and not item.undecided


def _same_moment(item: Expected, record: Stored) -> bool:
    near = record.t is not None and abs(record.t - item.t) <= TIME_NS + item.loose
    return near and item.kind == record.kind and not item.undecided


def _by_time(item: Expected, record: Stored) -> int:
    return abs((record.t or 0) - item.t)


def _named(kind: str, record: Stored, text: str) -> Difference:
    return Difference(kind, text, record.dispenser, record.epoch, record.seq)


def _mistimed(pair: Pair) -> Difference:
    item, record = pair
    off = "nothing places it" if record.t is None else f"{(record.t - item.t) / 1e9:+.3f} s"
    return _named("mistimed", record, f"{wanted(item)}: stored with its time off by {off}")


def _wrong(pair: Pair) -> Difference:
    item, record = pair
    return _named(
        "wrong", record, f"{wanted(item)}: stored as {_what(record.kind, record.fields)}"
    )


def _wrong_duration(pair: Pair) -> Iterable[Difference]:
    item, record = pair
    told, true = record.duration, item.duration
    if told is None or true is None:
        return
    unknown = UNKNOWN_DURATION in (told, true)
    if (told != true) if unknown else abs(told - true) > _DURATION_MS + 2 * item.loose // MS:
        yield _named("wrong", record, f"{wanted(item)}: {told} ms told, {true} ms true")


def _too_soon(pair: Pair) -> Iterable[Difference]:
    item, record = pair
    if record.stored_at * 1000 < item.t - item.loose:
        yield _named("mistimed", record, f"{wanted(item)}: stored before it happened")


def _wrong_boots(pairs: Iterable[Pair], order: dict[int, int]) -> Iterable[Difference]:
    ordered = sorted(pairs, key=lambda pair: order[id(pair[1])])
    for (before, stored), (item, record) in itertools.pairwise(ordered):
        same = (stored.epoch, stored.boot) == (record.epoch, record.boot)
        if same != (before.boot == item.boot):
            told = "one boot" if same else "two boots"
            text = f"{wanted(item)}: {told} told, this one and seq {stored.seq}"
            yield _named("wrong", record, text)


def _surplus(record: Stored, matched: Iterable[Pair]) -> Difference:
    text = _what(record.kind, record.fields)
    for item, other in matched:
        same = (other.kind, other.fields) == (record.kind, record.fields)
        if same and record.t is not None and abs(record.t - item.t) <= item.within:
            return _named("duplicated", record, f"{wanted(item)}: also stored as seq {other.seq}")
    return _named("unexplained", record, f"{text}: no stimulus explains it")


def _lost(item: Expected) -> Difference:
    return Difference("lost", f"{wanted(item)}: not stored", item.dispenser)


def _misordered(pairs: Iterable[Pair], order: dict[int, int]) -> list[Difference]:
    """Blame each record that comes before one of a clearly earlier stimulus."""
    found = []
    ordered = sorted(pairs, key=lambda pair: pair[0].due)
    for n, (item, record) in enumerate(ordered):
        earlier = (order[id(other)] for before, other in ordered[:n] if _ordered(before, item))
        if max(earlier, default=-1) > order[id(record)]:
            found.append(_named("misordered", record, f"{wanted(item)}: stored too early"))
    return found


def _ordered(before: Expected, item: Expected) -> bool:
    # inputs have no order within a debounce time, but the lid's closing does end a dose
    closes = item.due - before.due == 1 and item.kind == "lid_closed"
    return closes or before.due < item.due - (0 if item.input == before.input else ORDER_NS)


def _what(kind: str, fields: Iterable[tuple[str, int]]) -> str:
    told = " ".join(f"{name} {value}" for name, value in fields)
    return f"{kind.upper()} {told}".strip()


def wanted(item: Expected) -> str:
    """Return what must be there, in words."""
    return f"{item.dispenser} {_what(item.kind, item.fields)} at {utc(item.t)}"
