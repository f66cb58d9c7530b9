"""Prints what recoveries took, behind the run; told through the reports, so also from workers."""

from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    told = [
        value
        for report in terminalreporter.stats.get("passed", [])
        for name, value in getattr(report, "user_properties", ())
        if name == "recovery" and report.when == "call"
    ]
    if told:
        terminalreporter.section("recovery of the simulated modem, virtual time")
        for fault, seconds, rungs in told:
            terminalreporter.write_line(f"{fault:52} {seconds:7.0f} s   {rungs}")
