"""Refused, quarantined, missing, lost, forked, doubtful: told apart, each with what to do."""

import asyncio
import sqlite3
import struct
from pathlib import Path
from typing import Any

import pytest

from gateway import findings, status
from gateway.incidents import Incidents
from gateway.spool import Link
from protocol import schema
from sim.certificates import Pki
from tests.support.chains import make_chain, tagged, untagged
from tests.support.gateway import SECRET, Rig, rig, until

D, E = "01" * 8, 0x1C1
CHAIN = make_chain(SECRET, bytes([1] * 8), E, 90)


def _mark(following: int) -> schema.Watermark:
    return schema.Watermark(
        epoch=E, next=following, tag=bytes(8), store=1, rev=1, ranges=[], refused=[]
    )


def _link(seq: int) -> Link:
    return Link(seq, CHAIN[seq - 1][-8:], CHAIN[seq])


def _told(incidents: Incidents) -> dict[str, tuple[bool | None, str]]:
    told = (findings.incident(i, incidents.is_open(i)) for i in incidents)
    return {finding.part.split()[0]: (finding.works, finding.detail) for finding in told}


def test_each_is_open_until_it_is_settled_and_then_remembered() -> None:
    now = [0.0]
    incidents = Incidents(lambda: now[0])
    incidents.missing(D, E, 10, 12)
    incidents.missing(D, E, 10, 12)
    incidents.refused(D, E, [CHAIN[20], CHAIN[21]])
    incidents.fetched(D, E, [_link(29), _link(30), Link(30, bytes(8), b"other"), _link(31)])
    incidents.doubtful(D, _mark(999))
    assert _told(incidents) == {
        "missing": (False, "3 records, seq 10 to 12"),
        "refused": (False, "2 records, seq 20 to 21"),
        "forked": (False, "1 records, seq 30 to 30"),
        "doubtful": (False, "1 watermarks, seq 999 to 999"),
    }
    # one comes back as it should be, the other as it was
    incidents.read(D, E, [Link(20, bytes(8), b"\0\0\0\x14" + CHAIN[20][4:-1] + b"?"), _link(21)])
    incidents.passed(D, _mark(13))
    assert [_told(incidents)[kind][0] for kind in ("missing", "refused")] == [None, False]
    assert _told(incidents)["doubtful"][0] is None
    incidents.passed(D, _mark(22))
    assert _told(incidents)["refused"][0] is None
    assert _told(incidents)["quarantined"] == (False, "1 records, seq 21 to 21")
    now[0] += 8 * 86_400
    assert all(works is None for works, _ in _told(incidents).values())
    incidents.missing(D, E, 40, 40)
    assert _told(incidents)["missing"] == (False, "1 records, seq 40 to 40")


def test_lost_is_explained() -> None:
    incidents = Incidents(lambda: 0.0)
    data = struct.pack(">IIB", 40, 49, int(schema.GapCause.damaged))
    gap = tagged(SECRET, bytes([1] * 8), E, CHAIN[39][-8:], untagged(50, 0x04, data))
    incidents.lost(D, E, [_link(39), Link(50, CHAIN[39][-8:], gap)])
    (found,) = (findings.incident(i, incidents.is_open(i)) for i in incidents)
    assert (found.works, found.detail) == (None, "10 records, seq 40 to 49")


def test_the_budget() -> None:
    assert list(findings.budget(5, 0)) == []
    (good,) = findings.budget(400_000, 1_000_000)
    assert (good.works, good.detail) == (True, "400 of 1000 kB since midnight UTC")
    (bad,) = findings.budget(1_000_001, 1_000_000)
    assert bad.works is False and bad.remedy


async def _state(r: Rig) -> dict[str, Any]:
    return await asyncio.to_thread(status.ask, r.folder / "data")


async def _open(r: Rig) -> dict[str, str]:
    found = [f for f in (await _state(r))["findings"] if D in f["part"] and f["works"] is False]
    assert all(f["remedy"] and f["for_seconds"] >= 0 for f in found)
    return {f["part"].split()[0]: f["detail"] for f in found}


async def _until_open(r: Rig, kinds: set[str]) -> dict[str, str]:
    async with asyncio.timeout(60):
        while not kinds <= (found := await _open(r)).keys():
            await asyncio.sleep(0.1)
    return found


@pytest.mark.slow
def test_status_tells_them_apart(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            false = CHAIN[9][:6] + b"\xff" + CHAIN[9][7:]
            # 9 does not verify, 40 to 59 are skipped without a GAP
            one = r.dispenser(1, E, [*CHAIN[:9], false, *CHAIN[10:40], *CHAIN[60:]])
            r.backend.truth[one.id, E] = dict(enumerate(CHAIN))
            r.backend.answers = False
            await r.run_gateway()
            await until(lambda: len(r.spooled((one.id, E))) == 70)
            with sqlite3.connect(r.spool, timeout=30) as db:
                db.execute(
                    "INSERT INTO records SELECT dispenser, epoch, seq, previous, ?, 0"
                    " FROM records WHERE seq=30",
                    (CHAIN[30][:-9] + b"?" + CHAIN[30][-8:],),
                )
            r.backend.answers = True
            found = await _until_open(r, {"quarantined", "missing", "forked"})
            assert "seq 9 to 9" in found["quarantined"]
            assert "seq 40 to 59" in found["missing"]
            assert "seq 30 to 30" in found["forked"]

    asyncio.run(scenario())


@pytest.mark.slow
def test_a_backend_that_answers_no_question_is_told(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            r.backend.answers = False
            one = r.dispenser(1, E, CHAIN[:20])
            await r.run_gateway()

            async def uplink() -> dict[str, Any]:
                return next(f for f in (await _state(r))["findings"] if f["part"] == "uplink")

            await until(lambda: r.logged("connected"))
            async with asyncio.timeout(60):
                while "answers no question" not in (await uplink())["text"]:
                    await asyncio.sleep(0.1)
            r.backend.answers = True
            async with asyncio.timeout(60):
                while not (await uplink())["works"]:
                    await asyncio.sleep(0.1)
            await until(lambda: r.stored(one))

    asyncio.run(scenario())
