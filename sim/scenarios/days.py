"""Days and weeks as they are: taking, missing, answering, refilling."""

from sim.scenario import Scenario, at_least, count, faults, nothing_on, unprompted

_SMOKE = frozenset({"smoke"})

SCENARIOS = (
    Scenario(
        "first-day",
        "A new dispenser is plugged in; two doses and an answer arrive as they happened.",
        days=1,
        diary="""
            day 1 08:05  open; take 1; close; press 0
            day 1 20:10  open; take 2; close
        """,
        expect=(count("dose", 2), count("response", 1, button=0), unprompted),
    ),
    Scenario(
        "six-missed-days",
        "Six days nothing is taken; then pain is asked for, and the answer is worse than before.",
        days=7.39,
        diary="""
            day 1 00:10  tech ask d1
            day 1 08:05  open; take 1; close
            day 1 09:05  press 1
            day 8 09:12  press 3
            day 8 09:14  open; take 1; close
        """,
        expect=(
            nothing_on("dose", range(2, 8)),
            count("window_missed", 7),
            count("response", 1, button=1, question=1),
            count("response", 1, button=3, question=1),
        ),
    ),
    Scenario(
        "six-missed-days-unplugged",
        "The same, and the power adapter of gateway and dispenser lies in a drawer all the while.",
        days=7.52,
        diary="""
            day 1 00:10  tech ask d1
            day 1 08:05  open; take 1; close
            day 1 09:05  press 1
            day 2 07:00  fault cable_out d1 for 149 h
            day 2 07:00  fault gateway_killed for 148 h
            day 8 09:12  press 3
            day 8 09:14  open; take 1; close
        """,
        expect=(
            nothing_on("dose", range(2, 8)),
            count("response", 1, button=3, question=1),
            faults("gateway_killed"),
        ),
    ),
    Scenario(
        "changed-mind",
        "A wrong button, corrected within seconds; the same again is one answer.",
        days=0.005,
        diary="day 1 00:01  press 4; press 1; wait 30 s; press 2; press 2",
        expect=(count("response", 1, button=1, corrects=1), unprompted),
        needs=frozenset({"quick inputs"}),
        tags=_SMOKE,
    ),
    Scenario(
        "refill-by-caregiver",
        "A caregiver fills all four compartments and says nothing: a refill is suspected.",
        days=0.005,
        diary="day 1 00:01  open; take 1; take 2; take 3; take 4; close",
        expect=(count("refill", 1), count("dose", 4)),
        tags=_SMOKE,
    ),
    Scenario(
        "house-move",
        "Unplugged on Monday, driven across the country, plugged in at the new home on Thursday.",
        days=4,
        diary="""
            day 1 08:00  open; take 1; close
            day 1 12:00  fault cable_out d1 for 3 d
            day 2 08:30  open; take 1; close
            day 3 08:30  open; take 1; close
            day 4 18:00  open; take 2; close
        """,
        expect=(count("dose", 4), faults("cable_out")),
    ),
    Scenario(
        "lid-left-open",
        "The lid stays open over lunch; nobody reaches in.",
        days=0.05,
        diary="day 1 00:05  open; wait 40 min; close",
        expect=(count("dose", 0), count("lid_closed", 1), at_least("refill", 1)),
    ),
)
