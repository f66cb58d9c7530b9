"""What is planted at a gateway is found in its files only where docs/privacy.md says so."""

import asyncio
import itertools
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sim.certificates import make_pki
from tests.support.chains import make_chain, tagged, untagged
from tests.support.gateway import SECRET, rig, until
from tools.app import app

pytestmark = pytest.mark.slow
PAGE = (Path(__file__).parents[4] / "docs" / "privacy.md").read_text()
EPOCH, UNKNOWN = 0xC0FFEE, 0x7E


def told() -> dict[str, set[str]]:
    """Where each input may be found, from the table on the page."""
    rows = PAGE[PAGE.index("| at the gateway |") :].splitlines()
    rows = list(itertools.takewhile(lambda row: row.startswith("|"), rows))
    head, _, *rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {
        row[0]: {name for name, cell in zip(head[1:], row[1:], strict=True) if cell}
        for row in rows
    }


def chain(word: str) -> list[bytes]:
    """Three records; the last is of a type that nobody knows, and holds the word."""
    device = bytes([1] * 8)
    made = make_chain(SECRET, device, EPOCH, 2)
    body = untagged(2, UNKNOWN, word.encode())
    return [*made, tagged(SECRET, device, EPOCH, made[-1][-8:], body)]


def dosewire(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.output


def made(folder: Path, words: dict[str, str], ca: Path) -> bytes:
    """The configuration that a tech's command writes."""
    given = ("--out", folder / "kit", "--broker", words["`provision gateway --broker`"])
    given += ("--ca", ca, "--apn", words["`provision gateway --apn`"])
    given += ("--data", f"/srv/{words['`provision gateway --data`']}")
    dosewire("provision", "gateway", words["gateway's id"], *given)
    return (folder / "kit" / "gateway.toml").read_bytes()


def asked(config: Path) -> bytes:
    """What the running gateway says of itself."""
    command = [sys.executable, "-m", "gateway.cli", "status", "--config", str(config)]
    return subprocess.run(command, check=False, capture_output=True).stdout


async def lived(folder: Path, words: dict[str, str]) -> dict[str, bytes]:
    """Let a real gateway carry records to a backend; returns what each place holds then."""
    name = words["gateway's id"]
    pki = make_pki(folder / "pki", [name])
    ports = folder / words["port of a `[[dispenser]]`"]
    ports.mkdir()
    async with rig(folder, pki) as r:
        r.gateway = name
        one = r.dispenser(1, EPOCH, chain(words["verified record of an unknown type"]))
        one.link.rename(ports / "port")
        one.link = ports / "port"
        await r.run_gateway()
        await until(lambda: r.stored(one))
        config = folder / "gateway.toml"
        status = await asyncio.to_thread(asked, config)
        data = b"".join(
            path.read_bytes() for path in (folder / "data").iterdir() if path.is_file()
        )
        assert await r.end_gateway() == 0
    return {
        "configuration": config.read_bytes() + made(folder, words, pki.ca),
        "spool": data,
        "log": r.log.read_bytes(),
        "status": status,
        "broker's log": r.broker.log.read_bytes(),
    }


def test_each_word_is_found_where_the_page_says_and_nowhere_else(tmp_path):
    words = {name: "q" + secrets.token_hex(4)[:7] for name in told()}
    print(words)
    held = asyncio.run(lived(tmp_path, words))
    found = {}
    for name, word in words.items():
        forms = (word.encode(), word.encode().hex().encode())
        found[name] = {
            place for place, data in held.items() if any(form in data for form in forms)
        }
    assert found == told()
