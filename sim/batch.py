"""Plays scenarios one after the other and tells the results: JSON, JUnit, and how to replay."""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree

import msgspec

from sim import factory, timeline
from sim.report import Report
from sim.scenario import Outcome, Scenario
from sim.scenario_file import load
from sim.scenarios import SCENARIOS
from sim.stage import play

ABILITIES = {
    "emulated": frozenset(
        {"power", "flash cut", "cable", "line", "inputs", "rtc", "eeprom", "virtual time"}
    )
}
"""What each board target can do."""
SCENARIO = "scenario.json"


class Result(msgspec.Struct, kw_only=True):
    """One scenario's end: `wrong` says why it failed, `skipped` why it was not played."""

    scenario: str
    story: str
    seed: int
    seconds: float = 0.0
    run: str = ""
    skipped: str = ""
    wrong: list[str] = []
    replay: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing was wrong."""
        return not self.wrong


def chosen(names: Sequence[str], *, everything: bool, smoke: bool) -> list[Scenario]:
    """Return the scenarios that are meant, in their order; `x.toml` is a file's.

    Raises KeyError for a name of none, ScenarioFileError for a file that is none.
    """
    if everything or smoke:
        return [s for s in SCENARIOS.values() if everything or "smoke" in s.tags]
    return [load(Path(name)) if name.endswith(".toml") else SCENARIOS[name] for name in names]


async def run(
    scenarios: Iterable[Scenario],
    folder: Path,
    cache: Path,
    seed: int | None,
    board: str,
    begins: Callable[[Scenario], None],
    say: Callable[[Result], None],
) -> list[Result]:
    """Play them, each in a folder of its own; a failing one does not end the rest."""
    results = []
    image = await factory.flashed(cache)
    for scenario in scenarios:
        begins(scenario)
        result = await _one(scenario, folder / scenario.name, seed, board, image)
        say(result)
        results.append(result)
    return results


async def _one(
    scenario: Scenario, folder: Path, seed: int | None, board: str, image: bytes
) -> Result:
    number = scenario.seed if seed is None else seed
    result = Result(scenario=scenario.name, story=scenario.story, seed=number)
    lacks = scenario.needs - ABILITIES[board]
    if lacks:
        result.skipped = f"board {board} lacks: {', '.join(sorted(lacks))}"
        return result
    began = time.monotonic()
    result.run = str(folder)
    result.replay = f"dosewire sim run {scenario.name} --seed {number} --board {board}"
    try:
        report = await play(scenario, folder, number, image)
        result.wrong = judge(scenario, folder, report)
    except (RuntimeError, OSError, TimeoutError, ExceptionGroup) as error:
        result.wrong = [f"did not come to its end: {_first(error)}"]
    result.seconds = round(time.monotonic() - began, 1)
    folder.mkdir(parents=True, exist_ok=True)
    timeline.write(folder, result.wrong)
    (folder / SCENARIO).write_bytes(msgspec.json.format(msgspec.json.encode(result)))
    return result


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def judge(scenario: Scenario, folder: Path, report: Report) -> list[str]:
    """Return what is wrong with a finished run: laws, ledger, expectations."""
    wrong = list(report.differences)
    if report.chain != "verified":
        wrong.append(f"chain breaks at {report.chain}")
    outcome = Outcome(folder, report, scenario.start_ns)
    return wrong + [told for expect in scenario.expect if (told := expect(outcome))]


def write(folder: Path, results: Sequence[Result]) -> None:
    """Write `results.json` and `junit.xml` (as read by CI servers) into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    told = msgspec.json.format(msgspec.json.encode(results))
    (folder / "results.json").write_bytes(told)
    (folder / "junit.xml").write_bytes(_junit(results))


def _junit(results: Sequence[Result]) -> bytes:
    failed = sum(not result.good for result in results)
    skipped = sum(bool(result.skipped) for result in results)
    counts = {"tests": str(len(results)), "failures": str(failed), "skipped": str(skipped)}
    suite = ElementTree.Element("testsuite", {"name": "dosewire sim", **counts})
    for result in results:
        named = {"classname": "scenario", "name": result.scenario, "time": str(result.seconds)}
        case = ElementTree.SubElement(suite, "testcase", named)
        if result.skipped:
            ElementTree.SubElement(case, "skipped", {"message": result.skipped})
        if result.wrong:
            failure = ElementTree.SubElement(case, "failure", {"message": result.wrong[0]})
            failure.text = "\n".join([*result.wrong, f"replay: {result.replay}"])
    told: bytes = ElementTree.tostring(suite, xml_declaration=True, encoding="utf-8")
    return told
