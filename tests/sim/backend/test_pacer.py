"""When a watermark is due."""

import math

import pytest

from sim.backend.pacer import Address, Pacer

A = Address("a" * 16, 1, "gw-1")
B = Address("b" * 16, 1, "gw-1")


@pytest.fixture
def pacer():
    pacer = Pacer(interval=100, every=10)
    pacer.note(A, 1)
    pacer.sent(A, 0)
    return pacer


def test_the_first_change_is_told(pacer):
    pacer.note(B, 1)
    assert pacer.due(0) == [B]


def test_no_change_is_not_told(pacer):
    pacer.note(A, 0)
    assert pacer.due(1e9) == []
    assert pacer.wait(0) == math.inf


def test_a_change_waits_for_the_interval(pacer):
    pacer.note(A, 1)
    assert (pacer.due(99), pacer.wait(40)) == ([], 60)
    assert (pacer.due(100), pacer.wait(140)) == ([A], 0)


def test_many_records_do_not_wait(pacer):
    pacer.note(A, 9)
    assert pacer.due(1) == []
    pacer.note(A, 1)
    assert pacer.due(1) == [A]


def test_what_is_asked_for_comes_when_asked(pacer):
    pacer.note(A, 0, by=7)
    pacer.note(A, 0, by=30)
    assert (pacer.due(6), pacer.wait(6), pacer.due(7)) == ([], 1, [A])


def test_what_is_owed_stays_owed_until_sent(pacer):
    pacer.note(A, 0, by=1)
    assert pacer.due(1) == pacer.due(2) == [A]
    pacer.sent(A, 2)
    assert pacer.due(3) == []
