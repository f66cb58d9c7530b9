"""No confident lie about time."""

import pytest

from gateway.clock import Clock, HostTime, kernel_uncertainty_ms
from protocol import schema


def _at(unix: float) -> Clock:
    return Clock(monotonic=lambda: 0.0, unix=lambda: unix)


def test_trusted_by_the_configuration() -> None:
    time = HostTime(_at(1_704_067_200 + 86_400.25), 250, kernel=lambda: None).now()
    assert time == schema.Time(
        time=86_400, ms=250, uncertainty=250, source=schema.TimeSource.gateway
    )


@pytest.mark.parametrize("unix", [0.0, 3600.0, 1_704_067_200.0, 9e9])
def test_impossible_times_are_not_given(unix: float) -> None:
    assert HostTime(_at(unix), 250).now() is None


def test_the_kernel_decides_otherwise() -> None:
    assert HostTime(_at(1.8e9), None, kernel=lambda: None).now() is None
    time = HostTime(_at(1.8e9), None, kernel=lambda: 12).now()
    assert time is not None and time.uncertainty == 12


def test_the_kernel_answers() -> None:
    answer = kernel_uncertainty_ms()
    assert answer is None or answer >= 1
