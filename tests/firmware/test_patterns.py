"""Rules that the table of lights and sounds must keep, whatever it says."""

import itertools
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from tests.support.micropython import FIRMWARE
from tools import patterns

TABLE: dict[str, Any] = runpy.run_path(str(FIRMWARE / "dispenser" / "patterns.py"))
PATTERNS: dict[str, Any] = TABLE["PATTERNS"]
PAGE = Path(__file__).parent.parent.parent / "docs" / "patient.md"
BY_PLACE = [
    (a, b) for a, b in itertools.combinations(PATTERNS, 2)
    if PATTERNS[a][0] and PATTERNS[a][0] == PATTERNS[b][0]
]  # fmt: skip


def flashes(rhythm: tuple[int, ...], times: int) -> list[int]:
    """Return the ms at which it goes on, over 20 s and at least one turn."""
    at, starts = 0, []
    while at < 20_000 and (not times or len(starts) < times * (len(rhythm) // 2)):
        for n, length in enumerate(rhythm):
            if n % 2 == 0 and (not starts or rhythm[-1]):
                starts.append(at)
            at += length
    return starts


@pytest.mark.parametrize("name", PATTERNS)
def test_no_more_than_three_flashes_a_second(name: str) -> None:
    """WCAG 2.2, success criterion 2.3.1: three flashes or below threshold."""
    _, rhythm, times, _, _ = PATTERNS[name]
    starts = flashes(rhythm, times) if rhythm else []
    assert all(later - first >= 1000 for first, later in zip(starts, starts[3:], strict=False))
    assert all(later - first >= 1000 / 3 for first, later in itertools.pairwise(starts))


@pytest.mark.parametrize("name", PATTERNS)
def test_what_is_on_or_off_is_long_enough_to_be_seen(name: str) -> None:
    assert all(length >= 200 for length in PATTERNS[name][1] if length)


@pytest.mark.parametrize("name", PATTERNS)
def test_tones_are_where_old_ears_hear_them(name: str) -> None:
    notes = PATTERNS[name][4]
    assert all(hz == 0 or 500 <= hz <= 1500 for hz, _ in notes)
    assert sum(ms for _, ms in notes) <= 2000


def signature(name: str) -> tuple[int, ...]:
    """Return what one sees without colour: how often a turn flashes, and the lengths in tenths."""
    _, rhythm, times, _, _ = PATTERNS[name]
    return (times, *(round(length / 100) for length in rhythm))


@pytest.mark.parametrize(("one", "other"), BY_PLACE)
def test_patterns_of_one_place_differ_without_colour(one: str, other: str) -> None:
    """By the number of flashes in a turn, or by a length that is at least half as long again."""
    a, b = signature(one), signature(other)
    shapes = {len(a), len(b)}, {bool(a[0]), bool(b[0])}
    longer = [max(x, y) >= 1.5 * min(x, y) for x, y in zip(a[1:], b[1:], strict=False)]
    assert any(len(shape) > 1 for shape in shapes) or a[0] != b[0] or any(longer)


def test_every_state_and_answer_has_a_pattern() -> None:
    named = {*TABLE["STATES"], *TABLE["ANSWERS"], "remind", "ask", "refill", "chime"}
    assert named == set(PATTERNS)
    assert all(PATTERNS[name][2] == 0 for name in TABLE["STATES"])
    assert all(PATTERNS[name][2] > 0 for name in TABLE["ANSWERS"])


def test_each_light_of_the_chain_has_one_place() -> None:
    places = [*TABLE["COMPARTMENTS"], *TABLE["QUESTIONS"], *TABLE["STATUS"]]
    assert sorted(places) == list(range(TABLE["LIGHTS"]))


def test_volume_goes_up_in_clear_steps() -> None:
    steps = TABLE["VOLUMES"]
    assert steps[0] == 0 and steps[-1] == 32_768
    assert all(b >= 4 * a for a, b in itertools.pairwise(steps[1:]))


def test_the_page_shows_every_pattern_and_its_pictures_are_current(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert patterns.main(["--check"]) == 0
    shown = re.findall(r"patient/(\w+)\.svg", PAGE.read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(PATTERNS)
    monkeypatch.setattr(patterns, "FOLDER", tmp_path)
    assert patterns.main([]) == 0 and patterns.main(["--check"]) == 0
    (tmp_path / "ask.svg").write_text("<svg/>")
    assert patterns.main(["--check"]) == 1 and "ask.svg" in capsys.readouterr().err


def syllables(word: str) -> int:
    groups = re.findall(r"[aeiouy]+", word.lower())
    silent = re.search(r"[^aeiouyl]e$|[^td]ed$|[^aeiouy]es$", word.lower())
    return max(len(groups) - bool(silent), 1)


def grade(text: str) -> float:
    """Return the Flesch-Kincaid grade (Kincaid and others 1975, Navy RB 8-75)."""
    plain = re.sub(r"!\[.*?\]\(.*?\)|\|[-|]+\||[#*>|]|^\d+\.|^- ", " ", text, flags=re.MULTILINE)
    blocks = [re.sub(r"\s+", " ", block) for block in re.split(r"\n\s*\n", plain)]
    sentences = [s for block in blocks for s in re.split(r"[.!?:]+", block) if re.search(r"\w", s)]
    words = [word for s in sentences for word in re.findall(r"[A-Za-z']+", s)]
    spoken = sum(map(syllables, words))
    return 0.39 * len(words) / len(sentences) + 11.8 * spoken / len(words) - 15.59


def test_the_reading_grade_of_known_sentences() -> None:
    assert grade("The cat sat on the mat.") < 0
    hard = "Interoperability considerations necessitate comprehensive documentation."
    assert grade(hard) > 20
    assert syllables("dispenser") == 3 and syllables("noted") == 2 and syllables("closed") == 1


def test_the_page_is_easy_to_read() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert grade(text) <= 6
    sections = re.split(r"(?m)^## ", text)
    assert [s.splitlines()[0] for s in sections if grade(s) > 6] == []


def test_the_page_promises_nobody_who_watches() -> None:
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert "not an emergency device" in text and "emergency number" in text
    assert "No light means that a person has read your answer" in text
    for promise in ("we watch", "is watching", "monitors you", "will be alerted", "24/7"):
        assert promise not in text.lower()
