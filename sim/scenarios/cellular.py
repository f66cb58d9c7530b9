"""What breaks on the air: the cell between gateway and broker."""

from sim.scenario import Expectation, Outcome, Scenario, count, faults

_SMOKE = frozenset({"smoke"})


def recovered_by(rung: str) -> Expectation:
    """The gateway stepped on this rung (docs/cellular.md)."""

    def check(outcome: Outcome) -> str:
        lines = (outcome.folder / "logs" / "gateway.log").read_text().splitlines()
        found = [line.rpartition("recovery: ")[2] for line in lines if "recovery: " in line]
        return "" if rung in found else f"recovered by {', '.join(found) or 'nothing'}, not {rung}"

    return check


SCENARIOS = (
    Scenario(
        "coverage-gone-ten-minutes",
        "No coverage for ten minutes, in which a dose is taken and an answer given.",
        days=0.02,
        diary="""
            day 1 00:03  fault cell_outage for 10 min
            day 1 00:05  open; take 1; close
            day 1 00:08  press 4
        """,
        expect=(count("dose", 1), count("response", 1, button=4), faults("cell_outage")),
        tags=_SMOKE,
    ),
    Scenario(
        "modem-hangs",
        "The modem answers nothing more; its gateway cuts its power, and what waited arrives.",
        days=0.08,
        diary="""
            day 1 00:10  fault modem_hangs for 90 min
            day 1 00:12  open; take 1; close
            day 1 00:20  press 4
        """,
        expect=(
            count("dose", 1),
            count("response", 1, button=4),
            faults("modem_hangs"),
            recovered_by("POWER"),
        ),
    ),
    Scenario(
        "an-evening-in-a-bad-cell",
        "Packets are lost, stall, crawl; the NAT forgets; the address changes; the link drops.",
        days=0.15,
        diary="""
            day 1 00:05  fault cell_lossy for 1 h
            day 1 00:10  open; take 1; close; press 3
            day 1 00:30  fault cell_stall for 1 min
            day 1 00:30  press 4
            day 1 01:10  fault cell_slow for 30 min
            day 1 01:15  open; take 2; close
            day 1 01:45  fault cell_nat_forgets for 1 min
            day 1 01:50  open; take 3; close; press 4
            day 1 02:10  fault cell_address_change for 1 min
            day 1 02:20  open; take 4; close
            day 1 02:30  fault cell_link_down for 20 min
            day 1 02:35  press 3
        """,
        expect=(
            count("dose", 4),
            count("response", 4),
            faults("cell_lossy", "cell_slow", "cell_link_down"),
        ),
    ),
)
