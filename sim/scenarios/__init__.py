"""The stories, by name."""

from sim.scenario import Scenario
from sim.scenarios import cellular, clocks, days, outages, people, power, techs

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for room in (days, people, outages, cellular, power, clocks, techs)
    for scenario in room.SCENARIOS
}
