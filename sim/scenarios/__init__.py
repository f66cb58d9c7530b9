"""The stories, by name."""

from sim.scenario import Scenario
from sim.scenarios import cellular, clocks, days, outages, people, power, techs, wear

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for room in (days, people, outages, cellular, power, clocks, wear, techs)
    for scenario in room.SCENARIOS
}
