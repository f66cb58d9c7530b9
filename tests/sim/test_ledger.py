import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.ledger import (
    INPUTS,
    Fault,
    Ledger,
    LedgerError,
    Measure,
    Meta,
    Phase,
    Power,
    Stimulus,
    Tech,
    load,
    meta,
    only,
    utc,
)

TIMES = st.integers(min_value=0, max_value=2**62)
NAMES = st.text(max_size=8)
ENTRIES = st.one_of(
    st.builds(
        Stimulus, t=TIMES, dispenser=NAMES, input=st.sampled_from(INPUTS), active=st.booleans()
    ),
    st.builds(
        Power,
        t=TIMES,
        dispenser=NAMES,
        power=st.sampled_from(["on", "off", "cut", "reset", "prompt"]),
    ),
    st.builds(Tech, t=TIMES, dispenser=NAMES, tech=NAMES),
    st.builds(Fault, t=TIMES, fault=NAMES, evidence=NAMES, seq=st.integers(-1, 9)),
    st.builds(Phase, t=TIMES, phase=NAMES),
    st.builds(Measure, t=TIMES, dispenser=NAMES, measure=NAMES, value=st.integers(0, 2**40)),
    st.builds(Meta, t=TIMES, seed=st.integers(0, 2**63), dispensers=st.dictionaries(NAMES, NAMES)),
)


@given(entries=st.lists(ENTRIES, max_size=20))
def test_what_was_appended_is_loaded_in_order_of_time(tmp_path_factory, entries):
    path = tmp_path_factory.mktemp("ledger") / "ledger.jsonl"
    ledger = Ledger(path)
    for entry in entries:
        ledger.append(entry)
    ledger.close()
    assert load(path) == sorted(entries, key=lambda entry: entry.t)


def test_threads_do_not_tear_each_others_lines(tmp_path):
    ledger = Ledger(tmp_path / "l")

    def append(name):
        for t in range(200):
            ledger.append(Tech(t=t, dispenser=name, tech="x" * 100))

    threads = [threading.Thread(target=append, args=(name,)) for name in ("d1", "d2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(only(Tech, load(tmp_path / "l"), name)) for name in ("d1", "d2")] == [200, 200]


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"[1]",
        b"{}",
        b'{"t": 1, "what": "else"}',
        b'{"t": "soon", "phase": "calm"}',
        b'{"t": 1, "dispenser": "d1", "input": "door", "active": true}',
        b'{"t": 1, "dispenser": "d1", "power": "maybe"}',
        b'{"t": 1, "dispenser": "d1", "input": "lid"}',
        b'{"t": 1, "phase": "calm", "extra": 1}',
        b'{"t": 1, "phase": "ca',
    ],
)
def test_a_foreign_line_is_named(tmp_path, line):
    path = tmp_path / "l"
    path.write_bytes(b'{"t":1,"phase":"calm"}\n' + line + b"\n")
    with pytest.raises(LedgerError, match="ledger line 2"):
        load(path)


def test_a_run_has_one_meta_line():
    one = Meta(t=1, seed=7, dispensers={"d1": "00" * 8})
    assert meta([Phase(t=0, phase="calm"), one]) == one
    with pytest.raises(LedgerError, match="0 meta"):
        meta([])
    with pytest.raises(LedgerError, match="2 meta"):
        meta([one, one])


@pytest.mark.parametrize(
    ("t", "told"),
    [
        (0, "1970-01-01 00:00:00.000"),
        (1_788_739_320_250_999_999, "2026-09-07 00:02:00.250"),
    ],
)
def test_times_are_told_as_people_read_them(t, told):
    assert utc(t) == told
