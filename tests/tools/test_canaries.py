"""A random word planted in what a tech types is found only where docs/privacy.md says so."""

import itertools
import os
import secrets
from pathlib import Path

import pytest

from tests.tools.desk import IMAGES, Desk, dosewire, sources
from tests.tools.test_next_patient import enrol, now_ms
from tests.tools.test_provision import known, press  # noqa: F401 - a fixture

pytestmark = pytest.mark.slow
PAGE = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text()
YEAR_MS = 365 * 86_400_000


def told() -> dict[str, set[str]]:
    """Where each input may be found, from the table on the page."""
    rows = PAGE[PAGE.index("| at the bench |") :].splitlines()
    rows = list(itertools.takewhile(lambda row: row.startswith("|"), rows))
    head, _, *rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {
        row[0]: {name for name, cell in zip(head[1:], row[1:], strict=True) if cell}
        for row in rows
    }


def good(*words: object, **environ: str) -> None:
    done = dosewire(*words, **environ)
    assert done.returncode == 0, done.stderr


def built(folder: Path, words: dict[str, str]) -> Path:
    """A release of sources in which somebody wrote comments."""
    home = folder / words["folder of `release build --firmware`"]
    source = sources(home / "firmware", (0, 2, 0))
    for name, said in (("main.py", "`main.py`"), ("dispenser/app.py", "a module")):
        with (source / name).open("a") as file:
            file.write(f"# {words[f'comment in {said} of the sources']}\n")
    out = folder / "release.zip"
    good("release", "build", "--firmware", source, "--out", out)
    return out


def settings(folder: Path, words: dict[str, str]) -> Path:
    path = folder / f"{words['name of the file of `provision --settings`']}.toml"
    comment = words["comment in the file of `provision --settings`"]
    path.write_text(f'# {comment}\nzone = "Europe/Zurich"\n')
    return path


def worked(desk: Desk, known: Path, folder: Path, words: dict[str, str]) -> dict[str, bytes]:  # noqa: F811
    """Let a tech take a dispenser from one patient to the next; returns what each place holds."""
    at = ("--port", desk.port)
    mine = (*at, "--registry", known)
    release, ledger = built(folder, words), folder / "ledger.db"
    label = folder / f"{words['name of the file of `provision --label`']}.svg"
    saved = folder / f"{words['name of the file of `journal read --out`']}.jsonl"
    enrol(ledger, "e1", desk.hello().device_id.hex(), now_ms() - YEAR_MS)
    good("flash", *at, "--release", release, "--yes", "--no-wait")
    press(desk)
    wrong = dosewire("provision", *mine, "--again", "--board", words["`provision --board`, wrong"])
    assert wrong.returncode != 0
    given = ("--settings", settings(folder, words), "--label", label)
    good("provision", *mine, "--again", "--lost", words["`provision --lost`"], *given)
    press(desk)
    why = ("--lost", words["`retire --lost`"], "--by", words["`retire --by`"])
    good("retire", *mine, "--ledger", ledger, *why)
    good("journal", "read", *mine, "--out", saved)
    good("registry", "export", "--registry", known, "--out", folder / "export.json")
    desk.off()
    return {
        "registry": known.read_bytes(),
        "its export": (folder / "export.json").read_bytes(),
        "ledger": b"".join(path.read_bytes() for path in folder.glob("ledger.db*")),
        "dispenser": b"".join((desk.folder / name).read_bytes() for name in IMAGES),
        "label": label.read_bytes(),
        "journal read": saved.read_bytes(),
        "release": release.read_bytes(),
    }


def test_each_word_is_found_where_the_page_says_and_nowhere_else(
    desk,
    known,  # noqa: F811
    tmp_path,
):
    words = {name: "q" + secrets.token_hex(4)[:7] for name in told()}
    print(words)
    held = worked(desk, known, tmp_path, words)
    found = {}
    for name, word in words.items():
        forms = (word.encode(), word.encode().hex().encode())
        found[name] = {
            place for place, data in held.items() if any(form in data for form in forms)
        }
    assert found == told()


@pytest.mark.parametrize("reason", ["x" * 201, "two\nlines", "bell\a", "\u202e"])
@pytest.mark.parametrize("command", ["provision", "retire"])
def test_a_reason_that_is_no_short_text_changes_nothing(tmp_path, command, reason):
    known_ = tmp_path / "registry.json"
    done = dosewire(
        command, "--port", os.devnull, "--registry", known_, "--lost", reason,
        *(["--again"] if command == "provision" else []),
    )  # fmt: skip
    assert done.returncode == 2
    assert "--lost" in done.stderr and done.stderr.count("\n") == 1
    assert not known_.exists()
