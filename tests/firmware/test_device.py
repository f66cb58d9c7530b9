"""The dispenser as a device: what a tech asks, power, the prompt, keys that are silent."""

import asyncio
import time
from pathlib import Path

import pytest

from protocol import schema, wire
from protocol.commands import Signer
from protocol.schema import ErrorCode, FaultKind, MessageType, RecordType
from tests.firmware.rig import ID, SECRET, Rig, ask, copy, find, play

LOOKED_S = 6.0  # a change of power is known by then
SETTINGS = schema.Settings(5, 1, 1, 1260, 480, 24, 1, [], [], [])


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


@pytest.mark.soak
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
