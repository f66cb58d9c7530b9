"""Two releases on one dispenser, and boot files that are broken: what starts then."""

import asyncio
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol import schema, wire
from protocol.schema import RecordType, ReleaseAction
from tests.firmware.rig import Rig, copy, files, find, play
from tests.support.micropython import FIRMWARE
from tools import flash
from tools import release as releases


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


@pytest.mark.soak
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
