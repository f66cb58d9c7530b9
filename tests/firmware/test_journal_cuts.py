"""The journal through a power cut at every flash and EEPROM operation; the host's chain judges."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from protocol import chain, schema, wire
from tests.support import micropython

SCRIPT = Path(__file__).parent / "device" / "mp_cut_power.py"
ROOT_KEY = bytes(range(32))
LABELLED = 0x7E
# before the cuts: records written; the workload then crosses seq 256, where the key moves on
BEFORE, WORK = 215, 70


@pytest.fixture(scope="module")
def told() -> list[dict[str, Any]]:
    lines = micropython.run(SCRIPT, str(BEFORE), str(WORK)).splitlines()
    first, *cuts = map(json.loads, lines)
    assert len(cuts) == first["operations"] > 100
    return cuts


def records(parts: list[list[str]]) -> Iterator[tuple[bytes, bytes]]:
    """Yield (predecessor's tag, record), of every record held."""
    for tag, blob in parts:
        previous = bytes.fromhex(tag)
        for raw in wire.split_records(bytes.fromhex(blob)):
            yield previous, raw
            previous = wire.tag_of(raw)


def labels(parts: list[list[str]]) -> list[int]:
    parsed = [wire.parse(schema.Record, raw) for _, raw in records(parts)]
    return [int.from_bytes(r.data[:4], "big") for r in parsed if r.type == LABELLED]


def gaps(parts: list[list[str]]) -> list[schema.Gap]:
    parsed = [wire.parse(schema.Record, raw) for _, raw in records(parts)]
    return [wire.parse(schema.Gap, r.data) for r in parsed if r.type == schema.RecordType.gap]


def trimmed_through(parts: list[list[str]]) -> int:
    """Return the last seq that a GAP says is trimmed."""
    return max((g.last for g in gaps(parts) if g.cause == schema.GapCause.trimmed), default=-1)


def test_starts_again_without_damage(told: list[dict[str, Any]]) -> None:
    assert [cut["cut"] for cut in told if not cut["found"] or cut["damaged"]] == []


def test_acknowledged_records_are_held(told: list[dict[str, Any]]) -> None:
    for cut in told:
        held = labels(cut["held"])
        acked = [label for label in cut["acked"] if label >= held[0]]
        assert set(acked) <= set(held), f"cut {cut['cut']}"
        extra = [n for n in held if n >= BEFORE and n not in cut["acked"]]
        assert len(extra) <= 1, f"cut {cut['cut']}: more than the record under way"
        assert held == sorted(set(held)), f"cut {cut['cut']}: doubled or misordered"


def test_what_is_gone_was_told_first(told: list[dict[str, Any]]) -> None:
    for cut in told:
        for parts in (cut["held"], cut["end"]):
            first = wire.seq_of(next(records(parts))[1])
            assert first <= trimmed_through(parts) + 1, f"cut {cut['cut']}"


def test_seqs_are_contiguous_and_never_reused(told: list[dict[str, Any]]) -> None:
    for cut in told:
        end = [raw for _, raw in records(cut["end"])]
        seqs = [wire.seq_of(raw) for raw in end]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs))), f"cut {cut['cut']}"
        now = dict(zip(seqs, end, strict=True))
        for _, raw in records(cut["held"]):
            assert now.get(wire.seq_of(raw), raw) == raw, f"cut {cut['cut']}: seq reused"


def test_chain_verifies(told: list[dict[str, Any]]) -> None:
    keys = chain.BlockKeys(ROOT_KEY)
    crossed = 0
    for cut in told:
        for previous, raw in records(cut["end"]):
            assert chain.verifies(keys, previous, raw), f"cut {cut['cut']} seq {wire.seq_of(raw)}"
        crossed += wire.seq_of(raw) >> 8
    assert crossed == len(told), "the workload must cross a key block"


def test_the_workload_ends_after_the_cut(told: list[dict[str, Any]]) -> None:
    for cut in told:
        assert labels(cut["end"])[-1] == BEFORE + WORK - 1
        assert cut["boot"] in (1, 2)
