"""What the supervisor must never do: too many tries, a burnt SIM, resets for a server away.

All in virtual time, against the simulated modem.
"""

import itertools
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.modem.rungs import Budgets, Rung
from gateway.modem.supervisor import Fault, Policy, Seen, Supervisor, diagnose
from sim.modem.quirks import KINDS
from tests.gateway.modem.bench import Bench
from tests.sim.modem.virtual import run

DAY = 86400.0


@pytest.mark.slow
def test_a_server_that_is_down_is_no_fault_of_the_modem(tmp_path: Path) -> None:
    async def scenario() -> None:
        bench = Bench(tmp_path)
        bench.modem.power_on()
        await bench.until_connected()
        at = bench.time
        bench.host.server = False
        await bench.look_on(DAY)
        assert bench.supervisor.fault is Fault.SERVER
        assert bench.rungs(at) == []
        await bench.end()

    run(scenario())


@pytest.mark.parametrize("cause", [7, 11, 15, None])
@pytest.mark.slow
def test_seven_days_of_denied_registration(
    tmp_path: Path, record_property: Callable[[str, object], None], cause: int | None
) -> None:
    async def scenario() -> Bench:
        bench = Bench(tmp_path)
        bench.modem.network.denied = cause if cause is not None else 0
        bench.modem.card.forbidden = bytes.fromhex("62F210") + b"\xff" * 9
        bench.modem.power_on()
        await bench.look_on(7 * DAY)
        bench.task.cancel()
        return bench

    bench = run(scenario())
    rungs = bench.rungs()
    resets = [at for at, rung in rungs if rung in (Rung.RESET, Rung.POWER)]
    attaches = bench.modem.network.attaches
    told = f"{len(rungs)} rungs, {len(resets)} resets, {len(attaches)} attach requests, "
    told += f"at most {_per_hour(attaches)}/h"
    record_property("recovery", (f"refused for 7 days, cause {cause}", 7 * DAY, told))
    assert 5 <= len(rungs) <= 12 and max(rung for _, rung in rungs) <= Rung.RESET
    assert _per_hour(resets) <= 1
    # those that the modem makes by its own timers (T3402) count too
    assert _per_hour(attaches) <= 10
    assert _per_hour([at for at, _ in rungs]) <= 4
    alarms = {order.alarm for _, order in bench.orders if order.fault is Fault.DENIED}
    assert alarms and all("operator" in alarm for alarm in alarms)
    cleared = bench.modem.card.forbidden == b"\xff" * 12
    assert cleared == (cause == 11)


def test_denied_and_then_allowed(tmp_path: Path) -> None:
    async def scenario() -> float:
        bench = Bench(tmp_path)
        bench.modem.network.denied = 15
        bench.modem.power_on()
        await bench.look_on(DAY)
        bench.modem.network.denied = None
        took = await bench.until_connected(25 * 3600.0)
        await bench.end()
        return took

    print(f"\nallowed again: connected after {run(scenario()):.0f} s")


def test_congestion_is_waited_out_as_the_network_said(tmp_path: Path) -> None:
    async def scenario() -> tuple[float, Bench]:
        bench = Bench(tmp_path)
        bench.modem.power_on()
        await bench.until_connected()
        bench.modem.network.denied, bench.modem.network.t3346_s = 22, 2700.0
        bench.modem.lose_network()
        await bench.look_on(5 * 3600.0)
        assert bench.supervisor.fault is Fault.CONGESTED
        assert bench.rungs(bench.time - 4.9 * 3600) == [], "nothing but waiting"
        begin = bench.time
        bench.modem.network.denied = None
        await bench.until_connected(2800.0)
        rungs = [rung for _, rung in bench.rungs(begin)]
        await bench.end()
        return float(len(rungs)), bench

    count, bench = run(scenario())
    assert count == 1, "the data session alone, once the modem came back by itself"
    gaps = [b - a for a, b in itertools.pairwise(bench.modem.network.attaches)]
    assert all(gap >= 2699.0 for gap in gaps[1:]), gaps
    alarms = {order.alarm for _, order in bench.orders if order.fault is Fault.CONGESTED}
    assert alarms and all("wait" in alarm and "SIM" not in alarm for alarm in alarms)


@pytest.mark.slow
def test_congestion_for_a_week_costs_next_to_nothing(tmp_path: Path) -> None:
    async def scenario() -> Bench:
        bench = Bench(tmp_path)
        bench.modem.network.denied = 22
        bench.modem.power_on()
        await bench.look_on(7 * DAY)
        bench.task.cancel()
        return bench

    bench = run(scenario())
    assert 5 <= len(bench.rungs()) <= 9
    assert {rung for _, rung in bench.rungs()} == {Rung.NETWORK}
    assert _per_hour(bench.modem.network.attaches) <= 4, "a restart does not cut T3346 short"


@pytest.mark.parametrize("hours", [0.2, 1, 6, 24])
@pytest.mark.slow
def test_no_coverage(tmp_path: Path, hours: float) -> None:
    async def scenario() -> tuple[float, list[tuple[float, Rung]]]:
        bench = Bench(tmp_path)
        bench.modem.power_on()
        await bench.until_connected()
        bench.modem.network.coverage = False
        bench.modem.lose_network()
        await bench.look_on(hours * 3600)
        bench.modem.network.coverage = True
        took = await bench.until_connected()
        await bench.end()
        return took, bench.rungs()

    took, rungs = run(scenario())
    print(f"\nno coverage for {hours} h: connected {took:.0f} s after, {len(rungs)} rungs")
    assert took < 300
    assert max(rung for _, rung in rungs) <= Rung.POWER
    assert _per_hour([at for at, rung in rungs if rung in (Rung.RESET, Rung.POWER)]) <= 1
    assert _per_hour([at for at, rung in rungs if rung >= Rung.NETWORK]) <= 4


@pytest.mark.slow
def test_what_nothing_cures_stays_within_its_budgets(tmp_path: Path) -> None:
    async def scenario() -> Bench:
        bench = Bench(tmp_path)
        bench.modem.power_on()
        await bench.until_connected()
        bench.modem.power_off()
        bench.modem.power_on = bench.modem.usb_reset = lambda: None  # type: ignore[method-assign]
        await bench.look_on(3 * DAY)
        bench.task.cancel()
        return bench

    bench = run(scenario())
    rungs = bench.rungs()
    print(f"\ngone for 3 days: { {r.name: sum(x is r for _, x in rungs) for r in Rung} }")
    for rung, count in ((Rung.REBOOT, 1), (Rung.POWER, 4)):
        assert _most([at for at, one in rungs if one is rung], DAY) <= count
    assert _per_hour([at for at, one in rungs if one in (Rung.RESET, Rung.POWER)]) <= 1
    assert _per_hour([at for at, one in rungs if one >= Rung.NETWORK]) <= 5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_a_wrong_pin_is_tried_once(tmp_path: Path, kind: str) -> None:
    # the card keeps its counter over the restarts
    async def one(tries_now: int) -> tuple[list[str], int]:
        bench = Bench(tmp_path, kind, pin="1111")
        bench.modem.card.pin, bench.modem.card.pin_tries = "2468", tries_now
        bench.modem.power_on()
        await bench.look_on(DAY / 4)
        bench.modem.reset()
        await bench.look_on(3600)
        assert bench.supervisor.fault is Fault.SIM_PIN and bench.keeper.alarm
        await bench.end()
        return bench.modem.pins_tried, bench.modem.card.pin_tries

    assert run(one(3)) == (["1111"], 2)
    assert run(one(2)) == ([], 2)
    assert run(one(2)) == ([], 2)


def test_the_right_pin_works_again_and_again(tmp_path: Path) -> None:
    async def once() -> None:
        bench = Bench(tmp_path, pin="2468")
        bench.modem.card.pin = "2468"
        bench.modem.power_on()
        await bench.until_connected()
        bench.modem.reset()
        await bench.until_connected()
        assert bench.modem.pins_tried == ["2468", "2468"]
        await bench.end()

    for _ in range(3):
        run(once())


@pytest.mark.parametrize(("pin_tries", "fault"), [(1, Fault.SIM_PIN), (0, Fault.SIM_PUK)])
def test_a_sim_is_never_burnt(tmp_path: Path, pin_tries: int, fault: Fault) -> None:
    async def scenario() -> None:
        bench = Bench(tmp_path, pin="2468")
        bench.modem.card.pin, bench.modem.card.pin_tries = "2468", pin_tries
        bench.modem.power_on()
        await bench.look_on(DAY)
        assert bench.modem.pins_tried == [] and bench.modem.card.puk_tries == 10
        assert bench.supervisor.fault is fault and bench.rungs() == []
        await bench.end()

    run(scenario())


def test_no_sim_is_an_alarm_and_not_a_reset(tmp_path: Path) -> None:
    async def scenario() -> None:
        bench = Bench(tmp_path)
        bench.modem.card.inserted = False
        bench.modem.power_on()
        await bench.look_on(DAY)
        assert bench.supervisor.fault is Fault.NO_SIM and bench.rungs() == []
        assert "SIM" in bench.keeper.alarm
        await bench.end()

    run(scenario())


@pytest.mark.slow
def test_wrong_access_point(tmp_path: Path) -> None:
    async def scenario() -> list[tuple[float, Rung]]:
        bench = Bench(tmp_path)
        bench.modem.network.apn = "other.example"
        bench.modem.power_on()
        await bench.look_on(DAY / 4)
        assert bench.supervisor.fault is Fault.NO_CONTEXT and "access point" in bench.keeper.alarm
        bench.modem.network.apn = "iot.example"
        await bench.until_connected(3 * 3600.0)
        await bench.end()
        return bench.rungs()

    rungs = run(scenario())
    assert max(rung for _, rung in rungs) <= Rung.RESET
    assert _per_hour([at for at, rung in rungs if rung is Rung.CONTEXT]) <= 10
    assert _per_hour([at for at, rung in rungs if rung is Rung.RESET]) <= 1


@pytest.mark.parametrize("allowed", [True, False])
def test_roaming(tmp_path: Path, allowed: bool) -> None:
    async def scenario() -> None:
        bench = Bench(tmp_path, roaming=allowed)
        bench.modem.network.roaming = True
        bench.modem.power_on()
        await bench.look_on(3600)
        assert bool(bench.modem.active) == allowed
        assert bench.supervisor.fault is (Fault.NONE if allowed else Fault.ROAMING)
        await bench.end()

    run(scenario())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.slow
def test_noise_garbage_and_chunks_do_not_climb(tmp_path: Path, seed: int) -> None:
    async def scenario() -> None:
        bench = Bench(tmp_path, seed=seed)
        faults = bench.modem.faults
        faults.noise, faults.garbage, faults.chunk = 0.3, 0.003, 3
        bench.modem.power_on()
        await bench.until_connected()
        await bench.look_on(6 * 3600)
        assert max((rung for _, rung in bench.rungs()), default=Rung.CONTEXT) <= Rung.CONTEXT
        await bench.end()

    run(scenario())


def test_budgets_outlast_restarts_and_damage(tmp_path: Path) -> None:
    path = tmp_path / "budgets"
    assert Budgets(path, 0.0).spend(Rung.RESET, 1000.0)
    again = Budgets(path, 2000.0)
    assert again.free_at(Rung.RESET, 2000.0) == 1000.0 + 3600.0
    assert again.free_at(Rung.POWER, 2000.0) == 1000.0 + 3600.0
    assert again.free_at(Rung.RESET, 500.0) == 500.0 + 3600.0, "the clock was set back"
    path.write_text("{broken")
    assert Budgets(path, 5000.0).free_at(Rung.REBOOT, 5000.0) == 5000.0 + DAY
    path.write_text(json.dumps({"RESET": ["x"]}))
    assert Budgets(path, 5000.0).free_at(Rung.REBOOT, 5000.0) > 5000.0
    assert not Budgets(tmp_path / "none" / "file", 0.0).spend(Rung.RESET, 1.0)


def test_no_reboot_that_cannot_be_written_down(tmp_path: Path) -> None:
    budgets = Budgets(tmp_path / "none" / "file", 0.0)
    only = Policy(rungs=frozenset({Rung.REBOOT}))
    supervisor = Supervisor(only, budgets, random.Random(1))
    orders = [supervisor.step(float(t), Seen()) for t in range(0, 7200, 10)]
    assert all(order.rung is None for order in orders)


@pytest.mark.parametrize(
    ("seen", "fault"),
    [
        (Seen(), Fault.ABSENT),
        (Seen(traffic=5.0), Fault.NONE),
        (Seen(present=True), Fault.DEAF),
        (Seen(True, True, "ABSENT"), Fault.NO_SIM),
        (Seen(True, True, "PH-NET PIN"), Fault.SIM_FAILED),
        (Seen(True, True, "READY"), Fault.UNREGISTERED),
        (Seen(True, True, "READY", False, denied=True), Fault.DENIED),
        (Seen(True, True, "READY", False, denied=True, cause=22), Fault.CONGESTED),
        (Seen(True, True, "READY", False, cause=22), Fault.UNREGISTERED),
        (Seen(True, True, "READY", True), Fault.NO_CONTEXT),
        (Seen(True, True, "READY", True, address="10.0.0.1"), Fault.NO_DATA),
        (Seen(True, True, "READY", True, address="10.0.0.1", passes=True), Fault.SERVER),
        (Seen(True, True, "READY", True, address="10.0.0.1", connected=True), Fault.NONE),
        (
            Seen(True, True, "READY", True, address="10.0.0.1", passes=True, elsewhere=True),
            Fault.NONE,
        ),
        (Seen(True, True, "READY", True, address="10.0.0.1", elsewhere=True), Fault.NO_DATA),
        (Seen(True, True, "READY", False, connected=True, traffic=900.0), Fault.UNREGISTERED),
        (
            Seen(True, True, "READY", True, address="10.0.0.1", passes=True, traffic=900.0),
            Fault.SERVER,
        ),
    ],
)
def test_diagnosis(seen: Seen, fault: Fault) -> None:
    assert diagnose(seen, Policy()) is fault


def _most(times: list[float], window: float) -> int:
    return max((sum(at <= t < at + window for t in times) for at in times), default=0)


def _per_hour(times: list[float]) -> int:
    return _most(times, 3600.0)
