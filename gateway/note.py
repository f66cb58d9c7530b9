"""The daemon's state as a doctor's note: what works, what does not, since when, what to do."""

from collections.abc import Iterable, Iterator
from typing import Any

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def write(state: dict[str, Any]) -> str:
    """Return the note on a state as `status.Server` tells it."""
    found, up = state["findings"], duration(state["up_seconds"])
    about = f"(runs for {up}, version {state['version']})"
    return "\n".join([f"gateway {state['gateway']}: {verdict(found)} {about}", *findings(found)])


def verdict(found: Iterable[dict[str, Any]]) -> str:
    """Return in words how many findings are bad."""
    bad = sum(finding["works"] is False for finding in found)
    return f"{_count(bad)} to look at" if bad else "all works"


def findings(found: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Give the lines on findings: what does not work comes first, with what to do."""
    found = list(found)
    width = max((len(f["part"]) for f in found), default=0)
    for works, title in ((False, "does not work"), (True, "works"), (None, "also seen")):
        chosen = [f for f in found if f["works"] is works]
        if chosen:
            yield f"{title}:"
        for finding in chosen:
            yield from _lines(finding, width)


def duration(seconds: float) -> str:
    """Return a time span in words: its two largest units."""
    left, words = int(seconds), []
    for size, unit in _UNITS:
        if left >= size:
            words.append(f"{left // size} {unit}")
            left %= size
    return " ".join(words[:2]) or "0 s"


def _lines(finding: dict[str, Any], width: int) -> Iterator[str]:
    line = f"  {finding['part']:{width}}  {finding['text']}"
    if finding["detail"]:
        line += f": {finding['detail']}"
    if "for_seconds" in finding:
        line += f" (for {duration(finding['for_seconds'])})"
    yield line
    if finding["remedy"]:
        yield f"  {'':{width}}  -> {finding['remedy']}"


def _count(number: int) -> str:
    return "one thing" if number == 1 else f"{number} things"
