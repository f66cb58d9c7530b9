"""Nothing depends on the order of arrival: any order, doubling or cutting gives the same store."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sim.backend.bench import Backend
from tests.sim.backend.dispenser import TRIMMED, Dispenser, Made

LENGTH = 30
# these tests are about order, not about flushing
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
TABLES = ("records", "gaps", "spans", "alarms", "forks")
LEFT_OUT = {"id", "stored_at", "at", "received_at", "text"}


def written() -> Dispenser:
    """A life with a damaged range, a trimming and an ordinary run before, between and after."""
    d = Dispenser()
    d.born()
    d.run(8)
    d.damage(6)
    d.run(5)
    d.gap(2, 3, TRIMMED)
    d.run(LENGTH - d.next)
    return d


def clone_of(d: Dispenser) -> Made:
    copy = Dispenser(d.id, d.epoch, d.secret)
    copy.born()
    copy.run(3)
    return copy.write(0x24, bytes(8))


WRITTEN = written()
SEQS = sorted(WRITTEN.made)
FORKED = clone_of(WRITTEN)


def contiguous(start: int, length: int) -> list[Made]:
    made = []
    for seq in range(start, start + length):
        if seq not in WRITTEN.made:
            break
        made.append(WRITTEN.made[seq])
    return made


batches = st.builds(contiguous, st.sampled_from(SEQS), st.integers(1, 9))


def cut(points: set[int]) -> list[list[Made]]:
    """The whole life in batches that end before these places, and wherever the chain jumps."""
    found: list[list[Made]] = []
    for place, seq in enumerate(SEQS):
        if place in points or seq - 1 not in WRITTEN.made:
            found.append([])
        found[-1].append(WRITTEN.made[seq])
    return found


pieces = st.builds(cut, st.sets(st.integers(1, len(SEQS) - 1)))


def contents(backend: Backend) -> dict[str, list[tuple]]:
    found = {}
    with backend.store._engine.connect() as db:
        for table in TABLES:
            rows = db.exec_driver_sql(f"SELECT * FROM {table}").mappings()
            kept = [tuple((k, v) for k, v in row.items() if k not in LEFT_OUT) for row in rows]
            found[table] = sorted(kept, key=repr)
    return found


def stored(deliveries: list[list[Made]]):
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        backend = Backend(Path(folder), [WRITTEN])
        for made in deliveries:
            backend.give(WRITTEN, made)
        mark = backend.watermark(WRITTEN)
        everything = contents(backend)
        backend.store.close()
        spans = [(span.first, span.last) for span in mark.ranges]
        return everything, (mark.next, mark.tag, spans, mark.refused)


def whole_and_in_order(*more: Made):
    return stored([*([WRITTEN.made[seq]] for seq in SEQS), *([made] for made in more)])


IN_ORDER = whole_and_in_order()
IN_ORDER_FORKED = whole_and_in_order(FORKED)


def test_in_order_everything_is_passed():
    assert IN_ORDER[1] == (LENGTH, WRITTEN.tag, [], [])
    assert len(IN_ORDER[0]["records"]) == len(SEQS) == LENGTH - 6


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(pieces, st.lists(batches, max_size=6), st.randoms(use_true_random=False))
def test_any_order_doubling_and_cutting_gives_the_same_tables(whole, extra, random):
    deliveries = whole + extra
    random.shuffle(deliveries)
    assert stored(deliveries) == IN_ORDER


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(pieces, st.randoms(use_true_random=False))
def test_a_fork_gives_the_same_tables_in_any_order(whole, random):
    deliveries = [*whole, [FORKED]]
    random.shuffle(deliveries)
    assert without_breaks(stored(deliveries)) == without_breaks(IN_ORDER_FORKED)


def without_breaks(result):
    # that the chain breaks at a version of a fork is true only until the other version arrives
    everything, mark = result
    alarms = [row for row in everything["alarms"] if ("kind", "chain_break") not in row]
    return everything | {"alarms": alarms}, mark


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(batches, max_size=6))
def test_at_every_moment_next_is_the_first_seq_that_is_not_accounted_for(deliveries):
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        backend = Backend(Path(folder), [WRITTEN])
        accounted: set[int] = set()
        for made in deliveries:
            mark = backend.give(WRITTEN, made).watermark
            for record in made:
                accounted.add(record.seq)
                if record.seq == 15:
                    accounted.update(range(9, 15))
                if record.seq == 21:
                    accounted.update((2, 3))
            expected = min(set(range(LENGTH + 1)) - accounted)
            assert mark.next == expected
            above = {seq for span in mark.ranges for seq in range(span.first, span.last + 1)}
            assert above == {seq for seq in accounted if seq > expected}
        backend.store.close()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_payload_stops_ingest_or_stores_what_nobody_wrote(data):
    made = data.draw(batches)
    payload = bytearray(
        WRITTEN.epoch.to_bytes(4, "big")
        + made[0].previous
        + bytes([len(made)])
        + b"".join(record.raw for record in made)
    )
    for at in data.draw(st.lists(st.integers(0, len(payload) - 1), max_size=3)):
        payload[at] = data.draw(st.integers(0, 255))
    payload = payload[: data.draw(st.integers(0, len(payload)))] + data.draw(st.binary(max_size=9))
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        backend = Backend(Path(folder), [WRITTEN])
        backend.take(WRITTEN, bytes(payload))
        backend.take(WRITTEN, bytes(payload), "hello")
        genuine = {record.raw for record in WRITTEN.made.values()}
        rows = backend.store.records(WRITTEN.id, WRITTEN.epoch)
        assert {row.raw for row in rows} <= genuine
        assert backend.give(WRITTEN, [WRITTEN.made[0]]).watermark.next >= 1
        backend.store.close()
