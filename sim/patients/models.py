"""Eight ways to live with a dispenser, each a generator of dated actions.

Shares and scatter are plausible, not measured: they give the simulator something to chew on. What
adherence data of real people look like: Vrijens and others, BMJ 336 (2008) 1114.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from sim.actions import DAY, Action

Time = tuple[int, int]
REGIMEN: tuple[Time, ...] = ((8, 0), (20, 0))
"""Hours and minutes of the doses, compartment 1 first."""
_MINUTE = 60.0


class Model(Protocol):
    """Gives what one patient does in so many days."""

    def __call__(self, rng: random.Random, days: int) -> Iterable[Action]:
        """Return the actions, of dispenser "" (whoever asks knows whose they are)."""


def _dose(at: float, compartment: int, *more: str) -> Iterator[Action]:
    words = ["open", f"take {compartment}", *more, "close"]
    return (Action(at, "", tuple(word.split())) for word in words)


def _doses(rng: random.Random, days: int, taken: Callable[[int], float]) -> Iterator[Action]:
    for day in range(days):
        for n, (hour, minute) in enumerate(REGIMEN, 1):
            scatter = max(-40 * _MINUTE, min(40 * _MINUTE, rng.gauss(0, 12 * _MINUTE)))
            if rng.random() < taken(day):
                yield from _dose(day * DAY + hour * 3600 + minute * 60 + scatter, n)


def regular(rng: random.Random, days: int) -> Iterator[Action]:
    """Takes everything within minutes, says in the evening how it was."""
    yield from _doses(rng, days, lambda _day: 0.98)
    for day in range(days):
        yield Action(
            day * DAY + 21 * 3600 + rng.randrange(900), "", ("press", str(rng.choice((0, 0, 1))))
        )


def forgetful(rng: random.Random, days: int) -> Iterator[Action]:
    """Misses a third, now and then opens twice."""
    for action in _doses(rng, days, lambda _day: 0.66):
        yield action
        if action.words[0] == "close" and rng.random() < 0.1:
            yield from (Action(action.at + 600, "", (word,)) for word in ("open", "close"))


def drifting(rng: random.Random, days: int) -> Iterator[Action]:
    """Begins well and stops by degrees."""
    return _doses(rng, days, lambda day: max(0.0, 1.0 - 1.2 * day / max(days, 1)))


def flare_up(rng: random.Random, days: int) -> Iterator[Action]:
    """Takes all; from the middle on it hurts, more each day."""
    yield from _doses(rng, days, lambda _day: 1.0)
    for day in range(days):
        worse = max(0, min(4, 1 + day - days // 2))
        yield Action(day * DAY + 12 * 3600 + rng.randrange(1800), "", ("press", str(worse)))


def refilling(rng: random.Random, days: int) -> Iterator[Action]:
    """Takes all, and fills all four compartments every seventh day: nobody presses service."""
    yield from _doses(rng, days, lambda _day: 1.0)
    for day in range(0, days, 7):
        reached = [f"take {n}" for n in rng.sample(range(1, 5), 4)]
        words = ("open", *reached, "wait 20 s", "close")
        yield from (Action(day * DAY + 10 * 3600, "", tuple(word.split())) for word in words)


def curious_child(rng: random.Random, days: int) -> Iterator[Action]:
    """A regular household, and a child that plays with lid and buttons on some afternoons."""
    yield from _doses(rng, days, lambda _day: 1.0)
    for day in range(days):
        if rng.random() < 0.4:
            at = day * DAY + 16 * 3600 + rng.randrange(3600)
            for _ in range(rng.randrange(4, 9)):
                words = rng.choice((("open",), ("close",), ("press", str(rng.randrange(5)))))
                yield Action(at, "", words)
            yield Action(at, "", ("close",))


def plug_puller(rng: random.Random, days: int) -> Iterator[Action]:
    """Takes all; pulls the cable to charge a telephone on most evenings."""
    yield from _doses(rng, days, lambda _day: 1.0)
    for day in range(days):
        if rng.random() < 0.7:
            hours = str(rng.randrange(1, 9))
            at = day * DAY + 19 * 3600 + rng.randrange(3600)
            yield Action(at, "", ("fault", "cable_out", "", "for", hours, "h"))


def traveller(rng: random.Random, days: int) -> Iterator[Action]:
    """Takes the dispenser along for some days, unplugged; doses hours late there."""
    away = range(days // 3, max(days // 3 + 1, 2 * days // 3))
    for action in _doses(rng, days, lambda _day: 0.9):
        late = 3 * 3600.0 if int(action.at // DAY) in away else 0.0
        yield Action(action.at + late, "", action.words)
    out = str(len(away))
    yield Action(away[0] * DAY + 6 * 3600, "", ("fault", "cable_out", "", "for", out, "d"))


MODELS: dict[str, Model] = {
    "regular": regular,
    "forgetful": forgetful,
    "drifting": drifting,
    "flare-up": flare_up,
    "refilling": refilling,
    "curious-child": curious_child,
    "plug-puller": plug_puller,
    "traveller": traveller,
}


def plan(model: str, dispenser: str, seed: int, days: int) -> list[Action]:
    """Return what a model does at a dispenser, in order of time, nothing before the world began.

    Raises KeyError for an unknown model.
    """
    rng = random.Random(f"{seed} {dispenser} {model}")
    actions = []
    for action in MODELS[model](rng, days):
        words = tuple(word or dispenser for word in action.words)
        whose = "" if words[0] == "fault" else dispenser
        actions.append(Action(max(action.at, 60.0), whose, words))
    # what is done in one visit stays in its order: the sort is stable
    return sorted(actions, key=lambda action: action.at)
