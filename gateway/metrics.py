"""Figures for Prometheus over HTTP, with its own library, loaded only when asked for.

Names follow https://prometheus.io/docs/practices/naming/. Nothing here names a person or a place:
labels are parts of this gateway.
"""

from collections.abc import Callable, Iterator
from typing import Any

from gateway import config
from gateway.counters import NAMES


class MetricsError(RuntimeError):
    """Metrics cannot be served; one line."""


def serve(settings: config.Metrics, state: Callable[[], dict[str, Any]]) -> Callable[[], None]:
    """Serve until the function that is returned is called; raises MetricsError."""
    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ModuleNotFoundError as error:
        raise MetricsError(
            "[metrics] needs prometheus-client: pip install 'dosewire[metrics]'"
        ) from error
    registry = CollectorRegistry()
    registry.register(_Collector(state))
    try:
        server, thread = start_http_server(settings.port, settings.address, registry)
    except OSError as error:
        where = f"{settings.address}:{settings.port}"
        raise MetricsError(f"[metrics] {where}: {error.strerror or error}") from error

    def close() -> None:
        server.shutdown()
        server.server_close()
        thread.join(1.0)

    return close


class _Collector:
    """Turns the state into metrics whenever they are asked for."""

    def __init__(self, state: Callable[[], dict[str, Any]]) -> None:
        self._state = state

    def collect(self) -> Iterator[Any]:
        """Give every metric once."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        state = self._state()
        for name, count in state["counters"].items():
            yield CounterMetricFamily(f"dosewire_{name}", NAMES[name], value=count)
        works = GaugeMetricFamily(
            "dosewire_part_works", "1 if a part of the gateway works", labels=["part"]
        )
        for finding in state["findings"]:
            if finding["works"] is not None:
                works.add_metric([finding["part"]], float(finding["works"]))
        yield works
        for gauge in state.get("gauges", ()):
            yield GaugeMetricFamily(
                f"dosewire_{gauge['name']}", gauge["means"], value=gauge["value"]
            )
        yield GaugeMetricFamily(
            "dosewire_up_seconds", "seconds since the daemon began", value=state["up_seconds"]
        )
