"""A store put back from a copy without `renew` is noticed by the mark beside it."""

import shutil
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.backend.restored import Mark, Place, is_behind
from sim.backend.store import open_alone, renew
from tests.sim.backend.dispenser import events


def put_back(folder, copy):
    for path in folder.glob("store.db-*"):
        path.unlink()
    shutil.copy(copy, folder / "store.db")


def test_a_copy_put_back_without_renew_is_renewed_and_filled_again(world, dispenser):
    world.publish(events(dispenser.epoch, [dispenser.made[0], *dispenser.run(3)]))
    world.watermark(lambda mark: mark.next == 4)
    world.process.end(signal.SIGTERM)
    copy = shutil.copy(world.folder / "store.db", world.folder / "copy.db")
    world.process.start()
    world.await_backend()
    later = dispenser.run(4)
    world.publish(events(dispenser.epoch, later))
    before = world.watermark(lambda mark: mark.next == 8)
    world.process.end(signal.SIGKILL)
    put_back(world.folder, copy)
    world.process.start()
    world.await_backend()
    after = world.watermark(lambda mark: mark.store != before.store)
    assert after.next == 4
    world.publish(events(dispenser.epoch, later))
    assert world.watermark(lambda mark: mark.next == 8).store == after.store
    assert "put back from a copy" in world.process.log.read_text()
    # that happens once
    world.process.end(signal.SIGTERM)
    world.process.start()
    world.await_backend()
    assert world.watermark(lambda mark: True).store == after.store


@pytest.fixture
def filled(backend, dispenser):
    """A backend, and a copy of its store from before the last records."""
    backend.give(dispenser, [dispenser.made[0], *dispenser.run(3)])
    backend.restart()
    copy = shutil.copy(backend.folder / "store.db", backend.folder / "copy.db")
    backend.give(dispenser, dispenser.run(2))
    return backend, copy


def reopened(backend):
    """The id after a start as the command starts, and what was told."""
    told = []
    store = open_alone(backend.folder / "store.db", told.append, clock=backend.clock)
    alarms = [alarm.text for alarm in store.alarms(kind="restored")]
    store.close()
    return store.id, told, alarms


def test_one_that_was_only_killed_is_itself(filled):
    backend, _ = filled
    # nothing is closed or settled
    assert reopened(backend) == (backend.store.id, [], [])


def test_one_put_back_has_another_id_and_an_alarm(filled):
    backend, copy = filled
    backend.store.close()
    put_back(backend.folder, copy)
    first = reopened(backend)
    assert first[0] != backend.store.id
    assert len(first[1]) == 1 and first[1] == first[2]
    assert reopened(backend) == (first[0], [], first[2])


def test_one_renewed_by_hand_is_not_renewed_again(filled):
    backend, copy = filled
    backend.store.close()
    put_back(backend.folder, copy)
    _, new = renew(backend.folder / "store.db")
    assert reopened(backend) == (new, [], [])


def test_one_from_before_a_renew_is_noticed(filled, dispenser):
    backend, copy = filled
    backend.store.close()
    _, new = renew(backend.folder / "store.db")
    put_back(backend.folder, copy)
    found, told, _ = reopened(backend)
    assert found not in (new, backend.store.id) and told


def test_a_new_store_in_the_place_of_one_that_was_deleted_is_new(filled):
    backend, _ = filled
    backend.store.close()
    for path in backend.folder.glob("store.db*"):
        if path.suffix != ".mark":
            path.unlink()
    assert reopened(backend)[1:] == ([], [])


def test_a_mark_that_cannot_be_written_is_counted_and_holds_nothing_up(backend, dispenser):
    mark = backend.folder / "store.db.mark"
    mark.unlink(missing_ok=True)
    mark.mkdir()
    backend.give(dispenser, [dispenser.made[0]])
    assert backend.watermark(dispenser).next == 1
    assert backend.store.counters()["mark_failures"] == 1


@given(st.binary(max_size=60))
def test_whatever_a_mark_holds_is_read_or_none(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("mark")
    (folder / "store.db.mark").write_bytes(data)
    found = Mark(folder / "store.db").read()
    assert found is None or isinstance(found, Place)


@given(st.integers(1, 2**32 - 1), st.integers(0, 2**63), st.integers(0, 2**63))
def test_what_is_written_is_read_and_only_less_is_behind(tmp_path_factory, store, had, held):
    mark = Mark(tmp_path_factory.mktemp("mark") / "store.db")
    assert mark.read() is None
    assert mark.write(Place(store, 7)) and mark.write(Place(store, had))
    assert mark.read() == Place(store, had)
    assert is_behind(Place(store, held), mark.read()) is (held < had)
