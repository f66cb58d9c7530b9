"""Lets a world come to rest, so that a verdict on it is due: every hop holds the same."""

from __future__ import annotations

from sim.expected import BOOT_NS
from sim.inflight import InFlight
from sim.world import World

_QUIET_S = {True: 330.0, False: 3.0}
"""Of the world's time without anything new, in virtual time and in real time."""
_LOOKS = 40
_NOTICED_S = 30.0


async def calm(world: World) -> bool:
    """Let go of all that is touched and wait; whether it has come to rest. Nobody may touch it."""
    await _let_go(world)
    await world.clock.sleep(BOOT_NS / 1e9 + 1)
    before: object = None
    for _ in range(_LOOKS):
        await world.clock.sleep(_QUIET_S[world.virtual])
        hops = InFlight(world.folder).all()
        there = [hops.get((one.id, one.epoch)) for one in world.dispensers.values()]
        if hops == before and all(hop and hop.spool == hop.store > 0 for hop in there):
            return True
        if hops == before:
            await _give_company(world)
        before = hops
    return False


async def _let_go(world: World) -> None:
    for dispenser in world.dispensers.values():
        async with dispenser.held:
            for name in sorted(dispenser.active if dispenser.board.state == "running" else ()):
                await dispenser.move(name, False)


async def _give_company(world: World) -> None:
    # heartbeats cause no publication, a record about the cable does
    flight = InFlight(world.folder)
    for one in world.dispensers.values():
        if one.board.plugged and flight.waits_for_company(one.id, one.epoch):
            await one.unplug()
            await world.clock.sleep(_NOTICED_S)
            await one.to_gateway()
            await world.clock.sleep(_NOTICED_S)
