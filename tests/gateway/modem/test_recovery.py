"""Every fault of the simulated modem: which rung cures it, or which person, and how long it takes.

The table of faults, rungs and times is printed behind the run; all in virtual time.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.modem.rungs import Rung
from sim.modem.modem import Modem
from sim.modem.quirks import KINDS
from tests.gateway.modem.bench import Bench
from tests.sim.modem.virtual import run


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


def _quiet(modem: Modem) -> None:
    modem.restart_quietly()


def _garbage(modem: Modem) -> None:
    modem.faults.garbage, modem.faults.noise, modem.faults.chunk = 0.003, 0.3, 2
    modem.drop_context()


# fault, what causes it, the rung that cures it, seconds it may take at most
TABLE: list[tuple[str, Callable[[Modem], None], Rung | None, float]] = [
    ("context taken away", _lost_context, Rung.CONTEXT, 180),
    ("the same, a slow modem", _slow, Rung.CONTEXT, 300),
    ("thrown out by the network", _thrown_out, Rung.CONTEXT, 180),
    ("modem restarts by itself", _restart, Rung.CONTEXT, 240),
    ("restarts without a word, echo is back", _quiet, Rung.CONTEXT, 240),
    ("context gone, garbage on the line", _garbage, Rung.CONTEXT, 300),
    ("interface stale", _stale, Rung.INTERFACE, 240),
    ("attached without data", _no_data, Rung.NETWORK, 600),
    ("the same until a reset", _no_data_until_reset, Rung.RESET, 1200),
    ("radio stuck", _stuck_radio, Rung.NETWORK, 900),
    ("hangs, no AT", _hang, Rung.USB, 600),
    ("hangs, deaf to USB reset", _deaf, Rung.POWER, 1500),
    ("dead until power is cut", _dead, Rung.POWER, 1500),
    ("restarts in a loop", _reboot_loop, Rung.POWER, 3600),
]


@pytest.mark.parametrize("kind", KINDS)
def test_cold_start_to_data(
    tmp_path: Path, record_property: Callable[[str, object], None], kind: str
) -> None:
    async def scenario() -> float:
        bench = Bench(tmp_path, kind)
        bench.modem.power_on()
        took = await bench.until_connected()
        assert [rung for _, rung in bench.rungs()] == [Rung.CONTEXT]
        await bench.end()
        return took

    took = run(scenario())
    record_property("recovery", (f"cold start of {kind}", took, "CONTEXT"))
    assert took < 90


@pytest.mark.parametrize(("name", "cause", "cure", "limit"), TABLE, ids=[t[0] for t in TABLE])
def test_each_fault_and_its_rung(
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    name: str,
    cause: Callable[[Modem], None],
    cure: Rung,
    limit: float,
) -> None:
    async def scenario() -> tuple[float, list[Rung]]:
        bench = Bench(tmp_path)
        bench.modem.power_on()
        await bench.until_connected()
        await bench.look_on(7200)
        at = bench.time
        cause(bench.modem)
        took = await bench.until_connected()
        assert not bench.modem.echo and bench.modem.cmee == 1, "set up anew after a restart"
        await bench.end()
        return took, [rung for _, rung in bench.rungs(at)]

    took, rungs = run(scenario())
    record_property("recovery", (name, took, " ".join(r.name for r in rungs)))
    # registering anew needs the session begun anew; that is no harder rung
    assert max(rungs) is cure
    assert rungs == sorted(set(rungs), key=rungs.index) or cure > Rung.CONTEXT
    assert took < limit


def _no_sim(modem: Modem) -> None:
    modem.card.inserted = False
    modem.reset()


def _sim_back(modem: Modem) -> None:
    modem.card.inserted = True
    modem.reset()


def _puk(modem: Modem) -> None:
    modem.card.pin, modem.card.pin_tries = "2468", 0
    modem.reset()


def _unblocked(modem: Modem) -> None:
    modem.card.pin_tries, modem.card.pin = 3, ""
    modem.reset()


def _pin_asked(modem: Modem) -> None:
    modem.card.pin = "2468"
    modem.reset()


def _pin_off(modem: Modem) -> None:
    modem.card.pin = ""
    modem.reset()


def _denied(modem: Modem) -> None:
    modem.network.denied = 15
    modem.lose_network()


def _allowed(modem: Modem) -> None:
    modem.network.denied = None


def _wrong_apn(modem: Modem) -> None:
    modem.network.apn = "other.example"
    modem.drop_context()


def _right_apn(modem: Modem) -> None:
    modem.network.apn = "iot.example"


# fault, what causes it, what a person does after two hours, what the alarm says, seconds from then
PERSONS: list[tuple[str, Callable[[Modem], None], Callable[[Modem], None], str, float]] = [
    ("no SIM", _no_sim, _sim_back, "put a SIM in", 900),
    ("SIM asks for a PIN nobody gave", _pin_asked, _pin_off, "PIN", 900),
    ("SIM blocked, asks for its PUK", _puk, _unblocked, "PUK", 900),
    ("network refuses the SIM (cause 15)", _denied, _allowed, "operator", 1800),
    ("wrong access point", _wrong_apn, _right_apn, "access point", 7200),
]


@pytest.mark.parametrize(
    ("name", "cause", "mend", "alarm", "limit"), PERSONS, ids=[p[0] for p in PERSONS]
)
def test_what_a_person_must_do(
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    name: str,
    cause: Callable[[Modem], None],
    mend: Callable[[Modem], None],
    alarm: str,
    limit: float,
) -> None:
    async def scenario() -> tuple[float, list[Rung]]:
        bench = Bench(tmp_path)
        bench.modem.power_on()
        await bench.until_connected()
        cause(bench.modem)
        await bench.look_on(7200)
        assert alarm in bench.keeper.alarm
        at = bench.time
        mend(bench.modem)
        took = await bench.until_connected()
        assert not bench.modem.pins_tried
        await bench.end()
        return took, [rung for _, rung in bench.rungs(at)]

    took, rungs = run(scenario())
    told = " ".join(r.name for r in rungs) or "none"
    record_property("recovery", (f"{name}, mended by hand", took, told))
    assert took < limit


def test_another_fault_right_after_a_recovery_begins_its_own_ladder(tmp_path: Path) -> None:
    async def scenario() -> tuple[float, list[Rung]]:
        bench = Bench(tmp_path)
        bench.modem.power_on()
        await bench.until_connected()
        await bench.look_on(7200)
        bench.modem.faults.no_data_until_reset = True
        await bench.until_connected()
        await bench.look_on(5)
        at = bench.time
        bench.modem.drop_context()
        took = await bench.until_connected()
        await bench.end()
        return took, [rung for _, rung in bench.rungs(at)]

    took, rungs = run(scenario())
    assert rungs == [Rung.CONTEXT] and took < 120, (took, rungs)
