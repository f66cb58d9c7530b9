"""Presses of the response buttons: which are responses, repeats, corrections."""

from collections.abc import Mapping

from sim.expected.inputs import changes
from sim.expected.terms import BOOT_NS, CORRECT_NS, JITTER_NS, REPEAT_NS, Boot, Expected, Press


def buttons(dispenser: str, boot: Boot, debounce: Mapping[str, int]) -> list[Expected]:
    """Return the responses of a boot, all of them unprompted."""
    presses = [
        (change.t, n, change.due)
        for n in range(5)
        for change in changes(boot, f"button{n}", debounce[f"button{n}"])
        if change.active
    ]
    records: list[Expected] = []
    last: Press | None = None
    for t, n, due in sorted(presses):
        early = t < boot.start + BOOT_NS
        again = last is not None and last.button == n
        if last and again and t - last.latest < REPEAT_NS - JITTER_NS and not last.unclear:
            last.latest = t
            continue
        repeat = bool(last and again and t - last.latest < REPEAT_NS + JITTER_NS)
        records += _response(dispenser, last, Press(n, t, t, repeat or early), due)
        last = Press(n, t, t, repeat or early)
    return records


def _response(dispenser: str, last: Press | None, press: Press, due: int) -> list[Expected]:
    # one record, or two of which one may be there where the moment decides which it is
    near, sure = False, True
    if last and last.button != press.button:
        gap = press.first - last.first
        near = gap <= CORRECT_NS
        sure = not last.unclear and abs(gap - CORRECT_NS) > JITTER_NS
    told = [near] if sure else [False, True]
    unprompted = (("prompt", 0), ("question", 0))
    undecided = "repeat" if press.unclear or not sure else ""
    return [
        Expected(
            dispenser, "response",
            (("button", press.button), ("corrects", int(corrects)), *unprompted),
            press.first, due, f"button{press.button}", undecided=undecided,
        )
        for corrects in told
    ]  # fmt: skip
