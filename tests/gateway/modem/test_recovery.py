"""Every fault of the simulated modem: which rung cures it, how long that takes, and the limits.

The table of faults, rungs and times is printed (`pytest -s`); all in virtual time.
"""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.modem.rungs import Budgets, Rung
from gateway.modem.supervisor import Fault, Policy, Seen, Supervisor, diagnose
from sim.modem.modem import Modem
from sim.modem.quirks import KINDS
from tests.gateway.modem.bench import Bench
from tests.sim.modem.virtual import run

DAY = 86400.0


def _dead(modem: Modem) -> None:
    modem.faults.dead = True


def _hang(modem: Modem) -> None:
    modem.faults.hang = True


def _deaf(modem: Modem) -> None:
    modem.faults.hang = modem.faults.deaf_to_usb = True


def _no_data(modem: Modem) -> None:
    modem.faults.no_data = True


def _no_data_until_reset(modem: Modem) -> None:
    modem.faults.no_data_until_reset = True


def _stale(modem: Modem) -> None:
    modem.faults.stale_interface = True


def _lost_context(modem: Modem) -> None:
    modem.drop_context()


def _thrown_out(modem: Modem) -> None:
    modem.lose_network()


def _stuck_radio(modem: Modem) -> None:
    modem.faults.stuck_radio = True
    modem.lose_network()


def _restart(modem: Modem) -> None:
    modem.reset()


def _reboot_loop(modem: Modem) -> None:
    modem.faults.reboot_loop_s = 25.0
    modem.reset()


def _slow(modem: Modem) -> None:
    modem.faults.slow_s = 1.5
    modem.drop_context()


# fault, what causes it, the rung that cures it, seconds it may take at most
TABLE: list[tuple[str, Callable[[Modem], None], Rung | None, float]] = [
    ("context taken away", _lost_context, Rung.CONTEXT, 180),
    ("the same, a slow modem", _slow, Rung.CONTEXT, 300),
    ("thrown out by the network", _thrown_out, Rung.CONTEXT, 180),
    ("modem restarts by itself", _restart, Rung.CONTEXT, 240),
    ("interface stale", _stale, Rung.INTERFACE, 240),
    ("attached without data", _no_data, Rung.NETWORK, 600),
    ("the same until a reset", _no_data_until_reset, Rung.RESET, 1200),
    ("radio stuck", _stuck_radio, Rung.NETWORK, 900),
    ("hangs, no AT", _hang, Rung.USB, 600),
    ("hangs, deaf to USB reset", _deaf, Rung.POWER, 1500),
    ("dead until power is cut", _dead, Rung.POWER, 1500),
    ("restarts in a loop", _reboot_loop, Rung.POWER, 3600),
]


@pytest.mark.parametrize("kind", ["ec25", "bg95", "sim7600"])
def test_cold_start_to_data(tmp_path: Path, kind: str) -> None:
    async def scenario() -> float:
        bench = Bench(tmp_path, kind)
        bench.modem.power_on()
        took = await bench.until_connected()
        assert [rung for _, rung in bench.rungs()] == [Rung.CONTEXT]
        await bench.end()
        return took

    took = run(scenario())
    print(f"\n{kind}: cold start to data {took:.0f} s")
    assert took < 90


@pytest.mark.parametrize(("name", "cause", "cure", "limit"), TABLE, ids=[t[0] for t in TABLE])
def test_each_fault_and_its_rung(
    tmp_path: Path, name: str, cause: Callable[[Modem], None], cure: Rung, limit: float
) -> None:
    async def scenario() -> tuple[float, list[Rung]]:
        bench = Bench(tmp_path)
        bench.modem.power_on()
        await bench.until_connected()
        await bench.look_on(7200)
        at = bench.time
        cause(bench.modem)
        took = await bench.until_connected()
        await bench.end()
        return took, [rung for _, rung in bench.rungs(at)]

    took, rungs = run(scenario())
    print(f"\n{name:28} {took:6.0f} s   {' '.join(r.name for r in rungs)}")
    # registering anew needs the session begun anew; that is no harder rung
    assert max(rungs) is cure
    assert rungs == sorted(set(rungs), key=rungs.index) or cure > Rung.CONTEXT
    assert took < limit


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
def test_seven_days_of_denied_registration(tmp_path: Path, cause: int | None) -> None:
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
    print(
        f"\ndenied ({cause}) 7 days: {len(rungs)} rungs, {len(resets)} resets, "
        f"{len(attaches)} attach requests, at most {_per_hour(attaches)}/h"
    )
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
        (Seen(True, True, "READY", True), Fault.NO_CONTEXT),
        (Seen(True, True, "READY", True, address="10.0.0.1"), Fault.NO_DATA),
        (Seen(True, True, "READY", True, address="10.0.0.1", passes=True), Fault.SERVER),
        (Seen(True, True, "READY", True, address="10.0.0.1", connected=True), Fault.NONE),
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
