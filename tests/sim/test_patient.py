"""A patient's hands: nothing near the debounce times, nothing left open."""

import asyncio
import itertools
import random
import time

import pytest

from sim.expected import debounce_ms
from sim.patient import Patient


class Touched:
    """Stands for a dispenser: notes what is touched."""

    def __init__(self):
        self.held = asyncio.Lock()
        self.edges = []

    def touch(self, name, active):
        t = time.monotonic_ns()
        self.edges.append((t, name, active))
        return t


@pytest.mark.parametrize("seed", [1])
def test_a_contact_is_certainly_short_or_certainly_long(seed):
    async def live():
        dispenser = Touched()
        patient = Patient(dispenser, random.Random(seed))
        living = asyncio.create_task(patient.live())
        while len(dispenser.edges) < 40:
            await asyncio.sleep(0.01)
        patient.leave()
        await living
        return dispenser.edges, patient

    edges, patient = asyncio.run(live())
    assert patient.edges == len(edges)
    debounce = debounce_ms()
    for name in debounce:
        mine = [edge for edge in edges if edge[1] == name]
        assert not mine or not mine[-1][2], f"{name} left active, seed {seed}"
        for (t, _, _), (later, _, _) in itertools.pairwise(mine):
            ms = (later - t) / 1e6
            assert ms < 0.8 * debounce[name] or ms > 2 * debounce[name], f"{name}, seed {seed}"


def test_the_lid_is_open_for_as_long_as_it_is():
    async def live():
        patient = Patient(Touched(), random.Random(1))
        assert patient.lid_open_for() == 0
        visit = asyncio.create_task(patient.visit())
        while not patient.dispenser.edges:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)
        assert patient.lid_open_for() >= 0.05
        await visit
        assert patient.lid_open_for() == 0

    asyncio.run(live())
