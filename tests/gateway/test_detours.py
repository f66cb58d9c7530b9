"""What is wanted again and again is read ever more seldom."""

from gateway.detours import Detours


def test_a_storm_is_slowed_down() -> None:
    detours, now, read = Detours(), 0.0, 0
    while now < 7200:
        detours.want((5, 7), now)
        span = detours.next(now)
        if span is not None:
            assert span == (5, 7)
            assert detours.progress(span, 6) == (6, 7)
            assert detours.progress((6, 7), 8) is None
            read += 1
        now += 1
    assert 10 <= read <= 16


def test_lowest_first_and_progress() -> None:
    detours = Detours()
    detours.want((50, 59), 0)
    detours.want((5, 9), 0)
    assert detours.next(0) == (5, 9)
    assert detours.progress((5, 9), 10) is None
    assert detours.next(0) == (50, 59)
    assert detours.progress((50, 59), 55) == (55, 59)
    assert detours.next(0) == (55, 59)
