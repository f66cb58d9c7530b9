"""The dispenser as a device: what a tech asks, hangs, crashes, releases, keys that are silent."""

import asyncio
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol import schema, wire
from protocol.commands import Signer
from protocol.schema import ErrorCode, FaultKind, MessageType, RecordType, ReleaseAction
from tests.firmware.rig import ID, SECRET, Rig, Scenario, copy, files, play, play_all
from tests.support.micropython import FIRMWARE
from tools import flash
from tools import release as releases

HUNG = 0xFFFF0000
STARVED_S = 9.0
HUNG_S = 12.0
LOOKED_S = 6.0  # a change of power is known by then
SETTINGS = schema.Settings(5, 1, 1, 1260, 480, 24, 1, [], [], [])
# replaced in main.py; `later` is what becomes of a task after a second
PATCH = """
    import asyncio
    async def forever(*_):
        await asyncio.Event().wait()
    async def spin(*_):
        while True:
            pass
    async def crash(*_):
        raise ValueError("boom")
    def change(owner, name, after):
        original = getattr(owner, name)
        async def changed(*bit):
            try:
                await asyncio.wait_for(original(*bit), 1)
            except asyncio.TimeoutError:
                await after()
        setattr(owner, name, changed)
    dispenser._safe or change({owner}, {name!r}, {after})
    dispenser.run()
"""


def patch(folder: Path, owner: str, name: str, after: str) -> None:
    """Let a task of the app end badly."""
    with files(folder) as system:
        with system.open("/main.py", "r") as file:
            text = file.read()
        lines = PATCH.format(owner=owner, name=name, after=after)
        with system.open("/main.py", "w") as file:
            file.write(text.replace("    dispenser.run()\n", lines))


async def find(rig: Rig, kind: RecordType) -> schema.Record:
    """Return the first such record, waiting until it is written."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        records = await rig.records(0, (await rig.hello()).next)
        for record in records:
            if record.type == kind:
                return record
        await asyncio.sleep(0.2)
    raise AssertionError(f"no {kind.name} in {[record.type for record in records]}")


async def ask(rig: Rig, kind: MessageType, body: bytes, answer: MessageType) -> bytes:
    await rig.hello()
    rig.send(kind, body)
    frame = await rig.frame(answer, 3)
    assert frame, f"no answer to {kind.name}"
    return frame.body


def test_what_a_tech_may_ask(provisioned: Path, tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        rig.board.set_battery(4200)
        rig.board.set_input("button2", True)
        await asyncio.sleep(5)
        body = await ask(rig, MessageType.status, b"", MessageType.status)
        status = wire.parse(schema.Status, body)
        assert status.uptime >= 4 and status.active == 1 << 7
        assert abs(status.battery - 4200) < 50 and 50_000 < status.free < 1 << 20
        body = await ask(rig, MessageType.log, wire.build(schema.LogGet(1000)), MessageType.log)
        log = wire.parse(schema.Log, body)
        assert b"boot, service 0" in log.text and ID.encode() not in log.text
        body = await ask(rig, MessageType.maintenance, b"\x10", MessageType.error)
        assert wire.parse(schema.Error, body).code == ErrorCode.out_of_range
        rig.send(MessageType.maintenance, wire.build(schema.EnterMaintenance(2)))
        rig.close()
        left = await rig.mpremote("resume", "exec", "print(maintenance.left)")
        assert 200 < int(left) <= 240
        await rig.restart()
        await find(rig, RecordType.maintenance)

    play(copy(provisioned, tmp_path), scenario)


def test_settings_over_the_wire_survive_a_cut_and_go_into_records(
    provisioned: Path, tmp_path: Path
) -> None:
    async def scenario(rig: Rig) -> None:
        put = Signer(SECRET, bytes.fromhex(ID)).config_put(SETTINGS)
        body = await ask(rig, MessageType.config_put, wire.build(put), MessageType.config_get)
        assert wire.parse(schema.Config, body).settings == put.settings
        rig.close()
        await rig.board.power_cut()
        await rig.board.power_on()
        body = await ask(rig, MessageType.config_get, b"", MessageType.config_get)
        assert wire.parse(schema.Config, body) == schema.Config(1, put.settings)
        await rig.press("button1")
        record = await find(rig, RecordType.response)
        assert wire.parse(schema.Response, record.data).settings == SETTINGS.version
        await find(rig, RecordType.settings_applied)

    play(copy(provisioned, tmp_path), scenario)


def test_a_time_that_cannot_be_is_refused(provisioned: Path, tmp_path: Path) -> None:
    now = int(time.time() - schema.TIME_BASE)
    gateway, tech = schema.TimeSource.gateway, schema.TimeSource.technician
    steps = [  # time, from whom, whether it is taken
        (60_000_000, gateway, False),  # before this firmware was built
        (now, gateway, True),
        (now - 86_000, gateway, True),
        (now - 86_000 - 87_000, gateway, False),
        (now - 86_000 - 87_000, tech, True),
    ]

    async def scenario(rig: Rig) -> None:
        await rig.hello()
        for n, (at, source, taken) in enumerate(steps):
            message = schema.Time(at, 0, 5, source)
            rig.send(MessageType.time, wire.build(message), ref=n)
            error = await rig.frame(MessageType.error, 0.4)
            assert (error is None) == taken, n
        records = await rig.records(1, 5)
        kinds = [RecordType.fault] + [RecordType.time_set] * 3
        assert [r.type for r in records] == [RecordType.boot] + kinds
        fault = wire.parse(schema.Fault, records[1].data)
        assert (fault.kind, fault.value) == (FaultKind.clock, 60_000_000)

    play(copy(provisioned, tmp_path), scenario)


TASKS = {
    "receive": ("dispenser", "_receive"), "send": ("dispenser", "_send"),
    "keeper": ("dispenser._keeper", "run"), "live": ("dispenser", "_live"),
}  # fmt: skip


def hang(task: str) -> Scenario:
    async def scenario(rig: Rig) -> None:
        began = time.time_ns()
        if task not in ("live", "loop"):  # it hangs when something comes that it does not do
            await asyncio.sleep(3)
            rig.send(MessageType.hello, wire.build(schema.HelloRequest(1, 1)))
            now = int(time.time() - schema.TIME_BASE)
            rig.send(
                MessageType.time, wire.build(schema.Time(now, 0, 5, schema.TimeSource.gateway))
            )
            began = time.time_ns()
        try:
            await rig.board.wait_for(lambda: len(rig.board.exits) > 0, HUNG_S + 10)
        except TimeoutError:
            raise AssertionError(f"{task} hangs and nothing happens") from None
        end = rig.board.exits[0]
        assert end.cause == "watchdog", task
        assert (end.time_ns - began) / 1e9 < HUNG_S, task
        # what hung is told by the next start
        await rig.board.wait_for(lambda: rig.board.state == "running")
        if task not in ("receive", "send", "loop"):
            fault = wire.parse(schema.Fault, (await find(rig, RecordType.fault)).data)
            assert (fault.kind, fault.value & HUNG) == (FaultKind.crash, HUNG), task
            assert bin(fault.value & ~HUNG).count("1") == (task != "live"), task

    return scenario


def test_each_task_that_hangs_ends_in_a_reset(provisioned: Path, tmp_path: Path) -> None:
    scenarios = {}
    cases = {**{name: (*task, "forever") for name, task in TASKS.items()},
             "loop": ("dispenser", "_live", "spin")}  # fmt: skip
    for name, change in cases.items():
        folder = tmp_path / name
        folder.mkdir()
        patch(copy(provisioned, folder), *change)
        scenarios[folder] = hang(name)
    play_all(scenarios)


def test_crashes_are_told_and_lead_to_a_safe_mode_that_records(
    provisioned: Path, tmp_path: Path
) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.board.wait_for(lambda: len(rig.board.exits) == 3, 20)
        assert {end.cause for end in rig.board.exits} == {"reset"}
        await rig.board.wait_for(lambda: rig.board.state == "running")
        body = await ask(rig, MessageType.log, wire.build(schema.LogGet(999)), MessageType.log)
        assert b"safe" in body
        rig.board.set_input("lid", True)
        await rig.press("beam2", 100)
        await rig.press("button3")
        rig.board.set_input("lid", False)
        await find(rig, RecordType.lid_closed)
        held = await rig.records(0, (await rig.hello()).next)
        kinds = [r.type for r in held]
        for kind in (RecordType.lid_opened, RecordType.dose, RecordType.response):
            assert kinds.count(kind) == 1
        told = [wire.parse(schema.Fault, r.data) for r in held if r.type == RecordType.fault]
        assert 2 <= len(told) <= 3 and len({fault.value for fault in told}) == 1
        assert told[0].kind == FaultKind.crash and told[0].value < HUNG
        assert "boom" in await rig.mpremote("cat", ":/crash")

    folder = copy(provisioned, tmp_path)
    patch(folder, "dispenser", "_live", "crash")
    play(folder, scenario)


def second_release(folder: Path, *, state: str) -> None:
    """Put the same release into slot b."""
    with files(folder) as system:
        for name in system.listdir("/slots/a/dispenser"):
            if name != "drivers":
                _copy(system, f"dispenser/{name}")
        for name in system.listdir("/slots/a/dispenser/drivers"):
            _copy(system, f"dispenser/drivers/{name}")
        with system.open("/slots/b/state", "w") as file:
            file.write(state)
        with system.open("/slots/a/version", "w") as file:
            file.write("0.9.1")


def _copy(system: object, name: str) -> None:
    system.makedirs(f"/slots/b/{name}".rpartition("/")[0], exist_ok=True)  # type: ignore[attr-defined]
    with system.open(f"/slots/a/{name}", "rb") as file:  # type: ignore[attr-defined]
        content = file.read()
    with system.open(f"/slots/b/{name}", "wb") as file:  # type: ignore[attr-defined]
        file.write(content)


def write(folder: Path, path: str, content: bytes | None) -> None:
    with files(folder) as system:
        if content is None:
            system.remove(path)
        else:
            with system.open(path, "wb") as file:
                file.write(content)


def release(record: schema.Record) -> tuple[ReleaseAction, str, tuple[int, int, int]]:
    told = wire.parse(schema.Release, record.data)
    return told.action, chr(told.slot), (told.major, told.minor, told.patch)


def test_a_release_that_cannot_start_is_left_for_the_other(
    provisioned: Path, tmp_path: Path
) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.hello()
        assert len(rig.board.exits) == 4, "three tries, and the way back"
        action = release(await find(rig, RecordType.release))
        assert action == (ReleaseAction.reverted, "a", (0, 9, 1))
        await rig.restart()
        assert (await rig.hello()).service == schema.Service.ok

    folder = copy(provisioned, tmp_path)
    second_release(folder, state="confirmed")
    write(folder, "/slots/a/dispenser/app.mpy", b"M\x06 no code")
    write(folder, "/slots/a/state", None)
    play(folder, scenario)


@pytest.mark.slow
def test_looking_at_an_unconfirmed_release_triggers_nothing(
    provisioned: Path, tmp_path: Path
) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.hello()
        for _ in range(3):
            assert "boot.py" in await rig.mpremote("fs", "ls")
        await rig.restart()
        path = "import sys;print(sys.path[0], open('/slots/a/state').read())"
        assert "/slots/a started" in await rig.mpremote("resume", "exec", path)
        await rig.restart()
        await asyncio.sleep(23)
        records = await rig.records(0, (await rig.hello()).next)
        told = [release(r)[:2] for r in records if r.type == RecordType.release]
        assert told == [(ReleaseAction.started, "a"), (ReleaseAction.confirmed, "a")]

    folder = copy(provisioned, tmp_path)
    second_release(folder, state="confirmed")
    write(folder, "/slots/a/state", None)
    play(folder, scenario)


@pytest.mark.parametrize(
    "kind",
    ["raises", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("is cut", "is gone"))],
)
def test_a_board_whose_boot_file_is_broken_can_be_flashed(
    provisioned: Path, tmp_path: Path, kind: str
) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.board.wait_for(lambda: rig.board.state == "running")
        built = releases.build(FIRMWARE, ["pico"], Ed25519PrivateKey.generate())
        done = await asyncio.to_thread(flash.flash, rig.board.port, built, flash.Reporter())
        assert done.hello.service == schema.Service.ok

    folder = copy(provisioned, tmp_path)
    write(folder, "/boot.py", {"raises": b"raise ValueError\n", "is cut": b""}.get(kind))
    play(folder, scenario)


def test_the_service_button_at_power_on_gives_the_prompt(
    provisioned: Path, tmp_path: Path
) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.board.power_cut()
        rig.board.set_input("service", True)
        await rig.board.power_on()
        assert (await rig.mpremote("resume", "exec", "print(dispenser)")).strip() == "None"
        rig.board.set_input("service", False)
        await rig.restart()
        assert (await rig.hello()).service == schema.Service.ok

    play(copy(provisioned, tmp_path), scenario)


def test_a_key_store_that_is_silent_at_boot_is_waited_for(
    provisioned: Path, tmp_path: Path
) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.board.power_cut()
        rig.board.eeprom_present(False)
        await rig.board.power_on()
        assert (await rig.hello()).service == schema.Service.key_lost
        rig.close()
        rig.board.eeprom_present(True)
        await rig.board.wait_for(lambda: len(rig.board.exits) == 2, 8)
        hello = await rig.hello()
        assert (hello.service, hello.next) == (schema.Service.ok, 1)
        await rig.press("button0")
        boot, response = await rig.records(1, 2)
        assert (boot.type, response.type) == (RecordType.boot, RecordType.response)

    play(copy(provisioned, tmp_path), scenario)


@pytest.mark.slow
def test_power_changes_are_told(provisioned: Path, tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        await asyncio.sleep(LOOKED_S)
        rig.close()
        await rig.board.unplug()
        await asyncio.sleep(LOOKED_S)
        rig.board.set_battery(3100)
        await asyncio.sleep(LOOKED_S)
        await rig.board.plug()
        await asyncio.sleep(LOOKED_S)
        records = await rig.records(0, (await rig.hello()).next)
        told = [wire.parse(schema.Power, r.data) for r in records if r.type == RecordType.power]
        usb, battery = schema.PowerSource.usb, schema.PowerSource.battery
        assert [power.source for power in told] == [battery, battery, usb]
        assert told[0].battery > 4400 and abs(told[1].battery - 3100) < 50

    play(copy(provisioned, tmp_path), scenario)


def test_a_hang_after_ctrl_d_resets(provisioned: Path, tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.hello()
        await rig.mpremote("resume", "exec", "1")  # the watchdog runs on, the feeder feeds it
        await rig.mpremote("resume", "fs", "cp", str(tmp_path / "hang.py"), ":main.py")
        rig.send(MessageType.hello, b"")
        assert rig.host
        rig.host.write(b"\r\x03\x02\x04")
        began = time.monotonic()
        await rig.board.wait_for(
            lambda: any(end.cause == "watchdog" for end in rig.board.exits), STARVED_S + 1
        )
        assert time.monotonic() - began < STARVED_S

    folder = copy(provisioned, tmp_path)
    text = (FIRMWARE / "main.py").read_text()
    hung = text.replace("    dispenser.run()", "    while True:\n        pass")
    (tmp_path / "hang.py").write_text(hung)
    play(folder, scenario)


@pytest.mark.soak
@pytest.mark.timeout(180)
def test_the_prompt_of_a_running_app_lives_a_minute(provisioned: Path, tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.hello()
        exits = len(rig.board.exits)
        text = "import time;time.sleep(60);print('alive')"
        assert "alive" in await rig.mpremote("resume", "exec", text)
        assert len(rig.board.exits) == exits
        await rig.mpremote("resume", "exec", "maintenance.left = 4")
        await rig.board.wait_for(lambda: len(rig.board.exits) > exits, 10)
        assert (await rig.hello()).service == schema.Service.ok

    play(copy(provisioned, tmp_path), scenario)
