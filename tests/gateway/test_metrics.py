"""Figures for Prometheus: read back with its own parser."""

import socket
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway import config, metrics
from gateway.counters import NAMES, Counters


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_counters_and_parts_are_served_and_end() -> None:
    counters = Counters()
    counters.add("published", 7)
    parts = [
        {"part": "uplink", "works": False},
        {"part": "spool", "works": True},
        {"part": "usb", "works": None},
    ]
    state = {"counters": dict(counters), "findings": parts, "up_seconds": 1.5}
    port = _free_port()
    close = metrics.serve(config.Metrics(port=port), lambda: state)
    url = f"http://127.0.0.1:{port}/metrics"
    with urllib.request.urlopen(url, timeout=5) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    close()
    samples = {(s.name, s.labels.get("part")): s.value for f in families for s in f.samples}
    assert samples["dosewire_published_total", None] == 7
    assert samples["dosewire_part_works", "uplink"] == 0
    assert samples["dosewire_part_works", "spool"] == 1
    assert ("dosewire_part_works", "usb") not in samples
    assert len(families) == len(NAMES) + 2
    with pytest.raises(OSError):
        urllib.request.urlopen(url, timeout=1)


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings = config.Metrics(port=listener.getsockname()[1])
        with pytest.raises(metrics.MetricsError, match="in use"):
            metrics.serve(settings, dict)
