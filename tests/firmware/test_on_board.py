"""The firmware as a whole on the emulated board: records, prompt, watchdog, provisioning."""

import asyncio
import time
from pathlib import Path

import pytest

from protocol import schema, wire
from protocol.schema import MessageType, RecordType
from tests.firmware.rig import EPOCH, ID, PROVISION, Rig, copy, play


def test_unprovisioned_until_provisioned_once(image: Path, tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        assert (await rig.hello()).service == schema.Service.unprovisioned
        await rig.mpremote("exec", PROVISION + "))")
        assert "already here" in await rig.mpremote("exec", PROVISION + "))", code=1)
        await rig.restart()
        hello = await rig.hello()
        assert (hello.service, hello.epoch, hello.next) == (schema.Service.ok, EPOCH, 1)
        assert hello.device_id.hex() == ID
        await rig.mpremote("exec", PROVISION + ",replace=True))")
        await rig.mpremote("exec", "import os;os.remove('/journal/tail/records')")
        await rig.restart()
        assert (await rig.hello()).service == schema.Service.journal_lost

    play(copy(image, tmp_path), scenario)


def test_from_the_lid_to_a_verified_record(provisioned: Path, tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.hello()
        now = time.time() - schema.TIME_BASE
        source = schema.TimeSource.gateway
        rig.send(
            MessageType.time, wire.build(schema.Time(int(now), int(now % 1 * 1000), 5, source))
        )
        truth = []
        for name in ("lid", "beam3", "button1"):
            truth.append((time.time() - schema.TIME_BASE, name))
            rig.board.set_input(name, True)
            await asyncio.sleep(0.1)
        for name in ("beam3", "button1", "lid"):
            rig.board.set_input(name, False)
            await asyncio.sleep(0.1)
        records = await rig.records(0, 8)
        kinds = [RecordType(record.type) for record in records]
        assert kinds == [
            RecordType.epoch, RecordType.boot, RecordType.time_set, RecordType.lid_opened,
            RecordType.dose, RecordType.response, RecordType.dose_end, RecordType.lid_closed,
        ]  # fmt: skip
        for (t, name), record in zip(truth, records[3:6], strict=True):
            assert abs(record.time + record.ms / 1000 - t) < 0.5, name
            assert record.quality == schema.Quality.synced

    play(copy(provisioned, tmp_path), scenario)


def test_power_cut_leaves_a_state_and_an_unknown_duration(
    provisioned: Path, tmp_path: Path
) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.hello()
        rig.board.set_input("lid", True)
        await rig.records(0, 3)
        rig.close()
        await rig.board.power_cut()
        await rig.board.power_on()
        assert (await rig.hello()).boot == 2
        boot, state = await rig.records(3, 2)
        rig.board.set_input("lid", False)
        (closed,) = await rig.records(5, 1)
        assert (boot.type, state.type) == (RecordType.boot, RecordType.state)
        assert wire.parse(schema.State, state.data).active == 1
        assert wire.parse(schema.LidClosed, closed.data).duration == schema.UNKNOWN_DURATION

    play(copy(provisioned, tmp_path), scenario)


def test_silent_boots_are_counted_and_write_nothing(provisioned: Path, tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        for _ in range(3):
            assert (await rig.hello()).next == 1
            rig.close()
            await rig.board.power_cut()
            await rig.board.power_on()
        await rig.hello()
        await rig.press("button0")
        boot, _ = await rig.records(1, 2)
        assert (boot.boot, wire.parse(schema.Boot, boot.data).skipped) == (1, 3)

    play(copy(provisioned, tmp_path), scenario)


def test_a_tech_takes_the_prompt_and_the_app_comes_back(provisioned: Path, tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.hello()
        await rig.press("button0")
        text = await rig.mpremote("resume", "exec", "print(maintenance.timer is not None)")
        assert text.strip() == "True"
        assert "True" in await rig.mpremote("exec", "print(maintenance.timer is not None)")
        await rig.restart()
        await rig.press("button1")
        kinds = [record.type for record in await rig.records(1, 5)]
        assert kinds == [
            RecordType.boot, RecordType.response, RecordType.maintenance,
            RecordType.boot, RecordType.response,
        ]  # fmt: skip

    play(copy(provisioned, tmp_path), scenario)


@pytest.mark.soak
def test_the_watchdog_is_fed_until_the_feeding_ends(provisioned: Path, tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.hello()
        boots = rig.board.boots
        await asyncio.sleep(12)  # longer than the watchdog waits: the app feeds it
        assert rig.board.boots == boots and (await rig.hello()).uptime >= 12
        await rig.mpremote("resume", "exec", "maintenance.left = 2")
        await rig.board.wait_for(lambda: rig.board.boots > boots, 12)
        assert (await rig.hello()).service == schema.Service.ok

    play(copy(provisioned, tmp_path), scenario)
