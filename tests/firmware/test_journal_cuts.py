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
EVERY = 20  # labels from one change of the settings to the next
# labels written before the cuts, and records of the workload; it crosses seq 256, where the key
# moves on
LOADS = [(225, 40), pytest.param((90, 300), marks=[pytest.mark.slow, pytest.mark.timeout(300)])]


@pytest.fixture(scope="module", params=LOADS, ids=["some", "many"])
def told(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    before, work = request.param
    lines = micropython.run(SCRIPT, str(before), str(work), limit=500).splitlines()
    first, *cuts = map(json.loads, lines)
    assert len(cuts) == first["operations"] > 2 * work
    return [{**cut, "before": before, "last": before + work - 1} for cut in cuts]


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
        extra = [n for n in held if n >= cut["before"] and n not in cut["acked"]]
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
        assert labels(cut["end"])[-1] == cut["last"]
        assert cut["boot"] in (1, 2, 3)


def applied(parts: list[list[str]]) -> list[schema.SettingsApplied]:
    """Return what the SETTINGS_APPLIED records held say."""
    parsed = [wire.parse(schema.Record, raw) for _, raw in records(parts)]
    kind = schema.RecordType.settings_applied
    return [wire.parse(schema.SettingsApplied, r.data) for r in parsed if r.type == kind]


def test_settings_are_the_old_or_the_new_ones(told: list[dict[str, Any]]) -> None:
    changed = 0
    for cut in told:
        old = cut["applied"][-1] if cut["applied"] else (cut["before"] - 1) // EVERY
        assert cut["whole"] and cut["version"] in (old, old + 1), f"cut {cut['cut']}"
        changed += cut["version"] == old + 1
    assert changed, "no cut came between the settings and their acknowledgement"


def test_settings_in_force_are_told_by_a_record(told: list[dict[str, Any]]) -> None:
    for cut in told:
        versions = [record.version for record in applied(cut["held"])]
        assert versions == sorted(versions), f"cut {cut['cut']}"
        assert not versions or versions[-1] == cut["version"], f"cut {cut['cut']}"
        assert applied(cut["end"])[-1].version == cut["last"] // EVERY, f"cut {cut['cut']}"
