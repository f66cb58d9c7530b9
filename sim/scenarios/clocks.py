"""Clocks that lie: no record may tell a time it cannot know."""

from sim.scenario import Scenario, count, faults

SCENARIOS = (
    Scenario(
        "cell-empty-over-the-time-change",
        "The clock's coin cell dies in the night the clocks go back; the gateway is unplugged.",
        days=3,
        begins="2026-10-24",
        diary="""
            day 1 08:00  open; take 1; close
            day 1 22:00  fault gateway_killed for 20 h
            day 1 23:00  fault power_cut d1 for 30 min
            day 1 23:10  fault rtc_cell_empty d1
            day 2 02:30  press 2
            day 2 08:00  open; take 1; close
            day 3 08:00  open; take 1; close
        """,
        expect=(
            count("dose", 3),
            count("response", 1, button=2),
            faults("gateway_killed", "rtc_cell_empty"),
        ),
    ),
    Scenario(
        "rtc-jumps",
        "The clock module jumps by hours in a thunderstorm.",
        days=0.15,
        diary="""
            day 1 00:10  fault rtc_jumps d1
            day 1 00:40  open; take 1; close
            day 1 02:30  press 1
        """,
        expect=(count("dose", 1), count("response", 1), faults("rtc_jumps")),
    ),
    Scenario(
        "rtc-missing",
        "The clock module falls off its pins and power is cut.",
        days=0.15,
        diary="""
            day 1 00:10  fault rtc_dead d1
            day 1 00:20  fault power_cut d1 for 10 min
            day 1 01:00  open; take 1; close
            day 1 02:00  heal rtc_dead d1
        """,
        expect=(count("dose", 1), faults("rtc_dead")),
    ),
    Scenario(
        "rtc-drifts",
        "The clock module runs a second fast every minute.",
        days=0.15,
        diary="""
            day 1 00:10  fault rtc_drifts d1 for 3 h
            day 1 02:50  open; take 1; close
        """,
        expect=(count("dose", 1), faults("rtc_drifts")),
    ),
)
