"""Which scenarios are played, what came of each, and how to replay it: JSON, JUnit."""

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import msgspec

from sim import targets, timeline
from sim.ending import innermost
from sim.report import REPORT, Report
from sim.scenario import Outcome, Scenario
from sim.scenario_file import load
from sim.scenarios import SCENARIOS
from sim.stage import play

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


@dataclasses.dataclass(frozen=True, slots=True)
class Chosen:
    """A scenario, and the word that names it on the command line."""

    word: str
    scenario: Scenario


def named(word: str) -> Chosen:
    """Return the scenario of a name, or of a file `x.toml`.

    Raises KeyError for a name of none, ScenarioFileError for a file that is none.
    """
    return Chosen(word, load(Path(word)) if word.endswith(".toml") else SCENARIOS[word])


def chosen(words: Sequence[str], *, everything: bool, smoke: bool) -> list[Chosen]:
    """Return the scenarios that are meant, in their order. Raises as `named`."""
    if everything or smoke:
        words = [n for n, s in SCENARIOS.items() if everything or "smoke" in s.tags]
    return [named(word) for word in words]


def blank(one: Chosen, folder: Path, seed: int | None, board: str) -> Result:
    """Return the result of a run that is still to be: its names, and how to play it again."""
    number = one.scenario.seed if seed is None else seed
    result = Result(scenario=one.scenario.name, story=one.scenario.story, seed=number)
    result.skipped = targets.lacks(one.scenario, board)
    if not result.skipped:
        result.run = str(folder)
        result.replay = f"dosewire sim run {one.word} --seed {number} --board {board}"
    return result


async def one(what: Chosen, folder: Path, seed: int | None, board: str, image: bytes) -> Result:
    """Play one in a new folder and judge it, unless the board cannot."""
    result = blank(what, folder, seed, board)
    if result.skipped:
        return result
    began = time.monotonic()
    try:
        serial = targets.parse(board)
        report = await play(what.scenario, folder, result.seed, image, serial)
        result.wrong = judge(what.scenario, folder, report)
    except (RuntimeError, OSError, TimeoutError, ExceptionGroup) as error:
        result.wrong = [f"did not come to its end: {innermost(error)}", *_differences(folder)]
    result.seconds = round(time.monotonic() - began, 1)
    keep(folder, result)
    return result


def _differences(folder: Path) -> list[str]:
    # a run that died young has no report
    try:
        return msgspec.json.decode((folder / REPORT).read_bytes(), type=Report).differences
    except OSError:
        return []


def keep(folder: Path, result: Result) -> None:
    """Write a result and the timeline into its run's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    timeline.write(folder, result.wrong)
    (folder / SCENARIO).write_bytes(msgspec.json.format(msgspec.json.encode(result)))


def kept(folder: Path) -> Result:
    """Return the result that is kept in a run's folder. Raises OSError or msgspec.MsgspecError."""
    return msgspec.json.decode((folder / SCENARIO).read_bytes(), type=Result)


def judge(scenario: Scenario, folder: Path, report: Report) -> list[str]:
    """Return what is wrong with a finished run: laws, ledger, expectations."""
    wrong = list(report.differences)
    if report.chain != "verified":
        wrong.append(f"chain breaks at {report.chain}")
    return wrong + unmet(scenario, folder, report)


def unmet(scenario: Scenario, folder: Path, report: Report) -> list[str]:
    """Return which expectations of a scenario a finished run does not meet."""
    outcome = Outcome(folder, report, scenario.start_ns)
    return [told for expect in scenario.expect if (told := expect(outcome))]


def write(folder: Path, results: Sequence[Result]) -> None:
    """Write `results.json` and `junit.xml` (as read by CI servers) into a folder.

    Raises OSError.
    """
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
