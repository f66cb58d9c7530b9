"""A random word planted in every free-text input is found only where docs/privacy.md says so."""

import datetime as dt
import itertools
import json
import secrets
import signal
import sqlite3
import struct
import time
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from typer.testing import CliRunner

from protocol import bundle
from protocol.schema import Watermark
from protocol.wire import parse
from sim.backend import cli, registry
from sim.backend.pages import html
from sim.backend.pages.snapshot import Snapshot
from sim.backend.registry import Entry, Registry
from sim.backend.store import open_store
from sim.certificates import make_pki
from tests.sim.backend.dispenser import DOSE, TIME_SET, Dispenser, events, flipped
from tests.sim.backend.evidence.journal import BASE, ms
from tests.sim.backend.processes import Process, configure
from tests.sim.mqtt import Peer, running_broker
from tests.support import releases
from tools.app import app

pytestmark = pytest.mark.slow
PAGE = (Path(__file__).parents[4] / "docs" / "privacy.md").read_text()
NO_SUBSCRIBER = 0x10
UNKNOWN = 0x7E
WITHIN = 60


def told() -> dict[str, set[str]]:
    """Where each input may be found, from the table on the page."""
    rows = PAGE[PAGE.index("| input |") :].splitlines()
    rows = list(itertools.takewhile(lambda row: row.startswith("|"), rows))
    head, _, *rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {
        row[0]: {name for name, cell in zip(head[1:], row[1:], strict=True) if cell}
        for row in rows
    }


@pytest.fixture(scope="module")
def planted():
    words = {name: "q" + secrets.token_hex(4)[:7] for name in told()}
    print(words)
    return words


def evidence(*words: str) -> str:
    result = CliRunner().invoke(app, ["evidence", *words])
    assert result.exit_code == 0, result.output
    return result.output


def entered(folder: Path, words: dict[str, str], dispenser: str) -> None:
    episode, by = words["`evidence enter --episode`"], words["`evidence enter --by`"]
    patient = words["patient in `--kind episode`"]
    value = f"{patient} {words['site in `--kind episode`']} Europe/Zurich"
    for kind, said in (
        ("episode", value),
        ("order", ""),
        ("consent", ""),
        ("activation", ""),
        ("assignment", dispenser),
        ("regimen", "1 1"),
        ("reviewed", words["`--value` of `--kind reviewed`"]),
    ):
        place = ("--ledger", str(folder / "people.db"), "--by", by, "--episode", episode)
        evidence("enter", *place, "--kind", kind, "--from", "2024-03-01", "--value", said)


def published(folder: Path, words: dict[str, str], dispenser: Dispenser) -> None:
    """Send everything through a real broker to a real backend, and wait until it is stored."""
    gateway = words["gateway's id"]
    pki = make_pki(folder / "pki", [gateway])
    with running_broker(folder, pki) as (broker, _):
        config = configure(folder, broker.port)
        group = f'[mqtt]\ngroup = "{words["`mqtt.group` of the backend"]}"'
        config.write_text(config.read_text().replace("[mqtt]", group))
        process = Process(folder)
        process.start()
        peer = Peer(broker.port, pki.ca, pki.gateways[gateway])
        try:
            peer.subscribe(f"rtm/v1/{gateway}/dn/#")
            send(peer, gateway, words, dispenser)
            command(folder, config, words, dispenser)
        finally:
            peer.close()
            assert process.end(signal.SIGTERM) == 0
            process.close()


def send(peer: Peer, gateway: str, words: dict[str, str], dispenser: Dispenser) -> None:
    up = f"rtm/v1/{gateway}/up"
    mine = f"{up}/{dispenser.id}"
    board = words["board name in HELLO"].encode()
    hello = dispenser.hello().replace(b"pico\0\0\0\0", board)
    assert board in hello
    end = time.monotonic() + WITHIN
    while peer.publish(f"{mine}/hello", hello) == NO_SUBSCRIBER:
        assert time.monotonic() < end
        time.sleep(0.05)
    state = {"online": True, "note": words["what a gateway says of its state"]}
    peer.publish(f"{up}/state", json.dumps(state).encode())
    peer.publish(f"{mine}/events", words["EVENTS that are none"].encode())
    forged = dispenser.write(UNKNOWN, words["forged record"].encode())
    peer.publish(f"{mine}/events", flipped(events(dispenser.epoch, [forged]), -1))
    made = [dispenser.made[seq] for seq in range(forged.seq)]
    peer.publish(f"{mine}/events", events(dispenser.epoch, made))
    while parse(Watermark, peer.next()[1]).next < forged.seq:
        assert time.monotonic() < end


def command(folder: Path, config: Path, words: dict[str, str], dispenser: Dispenser) -> None:
    """Type commands for the dispenser, and one for a dispenser that is none."""
    file = folder / f"{words['name of the file of `send settings`']}.toml"
    file.write_text(
        f'# {words["comment in the file of `send settings`"]}\nzone = "Europe/Zurich"\n'
    )
    wrong = folder / "wrong.toml"
    wrong.write_text(f'zone = "{words["wrong zone in the file of `send settings`"]}"\n')
    nobody = words["dispenser that `send seen` does not know"]
    given = ("--config", str(config))
    assert cli.main(["send", "settings", *given, dispenser.id, str(file)]) == 0
    file_, key = release(folder, words)
    sent = ["send", "release", *given, dispenser.id, str(file_), "--key", str(key)]
    assert cli.main(sent) == 0
    file_.unlink()
    key.unlink()
    assert cli.main(["send", "settings", *given, dispenser.id, str(wrong)]) == 2
    assert cli.main(["send", "seen", *given, nobody]) == 2
    file.unlink()
    wrong.unlink()


def release(folder: Path, words: dict[str, str]) -> tuple[Path, Path]:
    """A bundle and its public key, with what a builder or a sender may write as they like."""
    board = words["board in the manifest of `send release`"]
    contents = {**releases.files(1), "version": b"0.2.0"}
    signed = releases.manifest(contents, boards=("pico", board))
    path = folder / f"{words['name of the file of `send release`']}.zip"
    path.write_bytes(bundle.pack(signed, contents))
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = words["comment in the file of `send release`"].encode()
    key = folder / f"{words['name of the key of `send release`']}.pub"
    public = releases.KEY.public_key()
    key.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path, key


@pytest.fixture
def folder(tmp_path, planted, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dispenser = Dispenser()
    dispenser.born()
    at = ms("2024-03-05T07:00") // 1000 - BASE
    dispenser.write(TIME_SET, struct.pack(">IHIHBIHIB", 9, 0, 9, 0, 0, at, 0, 50, 1), at)
    dispenser.write(DOSE, struct.pack(">HBBB", 1, 1, 1, 1), at + 3600)
    unknown = planted["verified record of an unknown type"].encode()
    dispenser.write(UNKNOWN, unknown, at + 3700)
    entry = Entry(dispenser.secret.hex(), [dispenser.epoch])
    registry.save(tmp_path / "registry.json", Registry({dispenser.id: entry}))
    entered(tmp_path, planted, dispenser.id)
    published(tmp_path, planted, dispenser)
    return tmp_path


def pages(folder: Path) -> str:
    now = round(dt.datetime(2024, 3, 8, tzinfo=dt.UTC).timestamp() * 1000)
    snapshot = Snapshot(
        lambda: open_store(folder / "store.db", readonly=True), folder / "people.db", lambda: now
    )
    snapshot.look()
    view = snapshot.view
    shown = [html.patient(view, glance) for glance in view.glances.values()]
    shown += [html.site(view, glance.site, 1, "") for glance in view.glances.values()]
    return "".join([*shown, html.foot(view)])


def sheet(monitor: str) -> str:
    Path("openings.csv").write_text(f"monitor,opened_at\n{monitor},2024-03-01 08:00\n")
    Path("monitors.csv").write_text(f"monitor,start,end\n{monitor},2024-03-01,2024-03-02\n")
    Path("regimen.csv").write_text(
        f"monitor,start,end,expected,on,off\n{monitor},2024-03-01,2024-03-02,1,,\n"
    )
    files = ("openings", "monitors", "regimen")
    words = [word for name in files for word in (f"--{name}", f"{name}.csv")]
    return evidence("days", *words, "--out", "days.csv") + Path("days.csv").read_text()


def everything(folder: Path, words: dict[str, str]) -> dict[str, bytes]:
    """What each place holds, as bytes."""
    episode = words["`evidence enter --episode`"]
    places = ("--store", "store.db", "--ledger", "people.db", "--episode", episode)
    report = evidence("report", *places, "--period", "2024-03", "--json")
    report += evidence("report", *places, "--period", "2024-03")
    evidence("freeze", *places, "--period", "2024-03", "--by", words["`evidence freeze --by`"])
    ledger = b"".join(path.read_bytes() for path in folder.glob("people.db*"))
    frozen = sqlite3.connect(folder / "people.db").execute("SELECT text FROM frozen").fetchall()
    assert len(frozen) == 1
    return {
        "ledger": ledger,
        "report": report.encode(),
        "frozen report": frozen[0][0].encode(),
        "page": pages(folder).encode(),
        "store": b"".join(path.read_bytes() for path in folder.glob("store.db*")),
        "log": (folder / "backend.log").read_bytes(),
        "sheet": sheet(words["monitor in `evidence days`"]).encode(),
    }


def test_each_word_is_found_where_the_page_says_and_nowhere_else(folder, planted):
    held = everything(folder, planted)
    found = {}
    for name, word in planted.items():
        forms = (word.encode(), word.encode().hex().encode())
        found[name] = {
            place for place, data in held.items() if any(form in data for form in forms)
        }
    assert found == told()
