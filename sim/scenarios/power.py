"""Power that goes: long, short, and in the worst moment."""

from sim.scenario import Scenario, at_least, at_most, count, faults

SCENARIOS = (
    Scenario(
        "power-cut-of-80-hours",
        "The cells are empty and the house has no power for 80 hours.",
        days=5,
        diary="""
            day 1 08:00  open; take 1; close
            day 1 12:00  fault power_cut d1 for 80 h
            day 5 08:00  open; take 1; close
        """,
        expect=(count("dose", 2), at_most("boot", 2)),
    ),
    Scenario(
        "cut-with-the-lid-open",
        "Power goes with the lid open and comes back a minute later.",
        days=0.01,
        diary="""
            day 1 00:02  open
            day 1 00:03  fault power_cut d1 for 1 min
            day 1 00:10  close
        """,
        expect=(count("state", 1), count("lid_closed", 1), faults("power_cut")),
        tags=frozenset({"smoke"}),
    ),
    Scenario(
        "cut-inside-a-write",
        "Power dies while an answer is being written, and again among the writes of a dose.",
        days=0.05,
        diary="""
            day 1 00:03  fault power_cut_in_flash_write d1 for 15 min
            day 1 00:10  press 3
            day 1 00:30  open; take 2; close
            day 1 00:40  fault power_cut_at_flash_operation d1 for 15 min
            day 1 00:41  open; take 1; close; open; take 3; close
            day 1 01:00  open; take 4; close
        """,
        expect=(
            at_least("dose", 2),
            faults("power_cut_in_flash_write", "power_cut_at_flash_operation"),
        ),
    ),
    Scenario(
        "brown-out-night",
        "A loose contact in the night, sixty cuts, with a backlog and no uplink.",
        days=0.06,
        diary="""
            day 1 00:10  fault broker_down for 1 h
            day 1 00:15  open; take 1; close; press 2
            day 1 00:20  fault brown_out d1 for 12 min
            day 1 00:50  open; take 2; close
        """,
        expect=(
            count("dose", 2),
            at_least("response", 1),
            at_most("boot", 12),
            faults("brown_out"),
        ),
    ),
)
