"""The stories, by name."""

from sim.scenario import Scenario
from sim.scenarios import clocks, days, outages, people, power, techs

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for room in (days, people, outages, power, clocks, techs)
    for scenario in room.SCENARIOS
}
