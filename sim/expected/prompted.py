"""Which press answers which question, where the dispenser says when it lit one.

What it lit and when is its own word here (`questions` judges that from the settings); the rule is
not: a press answers the question that was lit before it and no other, a correction goes with what
it corrects, and a question that was answered or went dark is not answered any more.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from protocol.schema import PromptExpired, PromptShown
from sim.expected.terms import MS, Expected
from sim.stored import Stored

_REACTION_NS = 300 * MS
"""A press so soon after the light began before it."""
_SLACK_NS = 1_500 * MS
"""So near to a light's edge it is open on which side a press was."""
Answer = tuple[int, int]
_NOBODY: Answer = (0, 0)


@dataclasses.dataclass(frozen=True, slots=True)
class _Edge:
    """A question (number, prompt) was lit or went dark."""

    t: int
    answer: Answer
    lit: bool


def prompted(
    expected: Sequence[Expected], stored: Iterable[Stored], ids: Mapping[str, str]
) -> list[Expected]:
    """Return the expected records, responses with the question and prompt they must tell.

    `ids`: dispenser ids by the world's names.
    """
    names = {device: name for name, device in ids.items()}
    edges: dict[str, list[_Edge]] = {}
    told: dict[str, list[Stored]] = {}
    for record in stored:
        name = names.get(record.dispenser, "")
        edges.setdefault(name, []).extend(_edges(record))
        told.setdefault(name, []).extend([record] if record.kind == "response" else [])
    found = list(expected)
    for name, lights in edges.items():
        if lights:
            presses = [
                (item.due, n)
                for n, item in enumerate(found)
                if item.dispenser == name and item.kind == "response"
            ]
            _answer(found, [n for _, n in sorted(presses)], lights, told[name])
    return found


def _edges(record: Stored) -> list[_Edge]:
    if record.t is None or not isinstance(record.data, PromptShown | PromptExpired):
        return []
    answer = (record.data.question, record.data.prompt)
    return [_Edge(record.t, answer, isinstance(record.data, PromptShown))]


def _answer(
    found: list[Expected], presses: Iterable[int], edges: Sequence[_Edge], told: Sequence[Stored]
) -> None:
    last, used = _NOBODY, set[Answer]()
    for n in presses:
        item = found[n]
        if not dict(item.fields)["corrects"]:
            possible = _lit(edges, item.t, used)
            last = next((one for one in possible if _is_told(item, one, told)), possible[0])
            used |= {last} - {_NOBODY}
        found[n] = _with(item, last)


def _lit(edges: Sequence[_Edge], t: int, used: set[Answer]) -> list[Answer]:
    """Return what a press may answer, what it must unless an edge is near first."""
    near = [e.answer for e in edges if abs(e.t - t) < _SLACK_NS and e.answer not in used]
    before = [e for e in edges if e.t <= t - _REACTION_NS]
    latest = max(before, key=lambda edge: edge.t, default=None)
    sure = latest.answer if latest and latest.lit and latest.answer not in used else _NOBODY
    return [sure, *near, _NOBODY] if near else [sure]


def _is_told(item: Expected, answer: Answer, told: Sequence[Stored]) -> bool:
    fields = _with(item, answer).fields
    return any(
        r.fields == fields and r.t is not None and abs(r.t - item.t) <= item.within for r in told
    )


def _with(item: Expected, answer: Answer) -> Expected:
    own = {"question": answer[0], "prompt": answer[1]}
    fields = tuple((name, own.get(name, value)) for name, value in item.fields)
    return dataclasses.replace(item, fields=fields)
