"""Provisioning again and retiring: nothing that matters is lost, no record changes its patient."""

import asyncio
import json
import stat
import struct
import time
from pathlib import Path

import pytest

from protocol import schema, wire
from protocol.schema import RecordType, Service
from sim.backend import registry
from sim.backend.evidence.entries import Kind
from sim.backend.evidence.ledger import Ledger
from sim.backend.evidence.programme import Programme
from sim.backend.ingest import Ingest
from sim.backend.registry import RegistryError
from sim.backend.store import now_us, open_store
from tests.tools.desk import copied, desks, dosewire
from tools import label
from tools.exits import Exit, ToolError
from tools.session import Session
from tools.vault import Vault

pytestmark = pytest.mark.slow


@pytest.fixture
def known(tmp_path, provisioned):
    path = tmp_path / "registry.json"
    path.write_bytes((provisioned / "registry.json").read_bytes())
    return path


def press(desk, name="button2"):
    """Press until it is a record."""
    before = desk.hello().next
    for _ in range(5):
        for active in (True, False):
            desk.call(lambda active=active: desk.board.set_input(name, active))
            time.sleep(0.2)
        end = time.monotonic() + 4
        while time.monotonic() < end:
            if desk.hello().next > before:
                return
    raise AssertionError("no record")


def events(desk):
    """All EVENTS bodies of the journal."""

    async def read():
        found = []
        async with Session(desk.port) as session:
            hello = await session.hello()
            async for one in session.events(hello.epoch, hello.first):
                found.append(one)
                if wire.seq_of(wire.events_records(one)[-1]) + 1 >= hello.next:
                    return found

    return asyncio.run(read())


def deliver(desk, path, known):
    """Store the journal as the backend does."""
    name = desk.hello().device_id.hex()
    store = open_store(path)
    ingest = Ingest(store, registry.RegistryFile(known), now_us, 60.0)
    for body in events(desk):
        outcome = ingest.take(f"rtm/v1/gw-1/up/{name}/events", wire.build(body))
        assert outcome.watermark is not None
    store.close()


def test_again_is_refused_until_records_about_the_patient_are_delivered(desk, known):
    press(desk)
    before = desk.hello()
    words = ("provision", "--port", desk.port, "--registry", known, "--again")
    refused = dosewire(*words)
    assert refused.returncode == Exit.UNDELIVERED
    assert "--lost REASON" in refused.stderr and refused.stderr.count("\n") == 1
    assert desk.hello().epoch == before.epoch

    assert dosewire(*words, "--lost", "bench test").returncode == 0
    after = desk.hello()
    assert after.epoch != before.epoch
    (entry,) = registry.load(known).dispensers.values()
    assert [(old.epoch, old.lost) for old in entry.retired] == [(before.epoch, "bench test")]
    assert entry.epochs == [before.epoch, after.epoch]


def test_what_a_gateway_has_confirmed_since_it_was_switched_on_is_delivered(desk, known):
    press(desk)
    hello = desk.hello()

    async def confirm():
        async with Session(desk.port) as session:
            mark = schema.Watermark(hello.epoch, hello.next, bytes(8), 1, 1, [], [])
            await session._send(schema.MessageType.watermark, wire.build(mark))
            await session.hello()

    asyncio.run(confirm())
    words = ("retire", "--port", desk.port, "--registry", known, "--json")
    told = dosewire(*words)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["epoch"] == hello.epoch


def test_retire_is_refused_without_the_store_and_closes_the_assignment_with_a_reason(
    desk, known, tmp_path
):
    press(desk)
    name = desk.hello().device_id.hex()
    store = tmp_path / "store.db"
    open_store(store).close()
    path = tmp_path / "ledger.db"
    start = 1_700_000_000_000
    ledger = Ledger(path, lambda: start)
    ledger.enter("clerk", "e1", Kind.EPISODE, start, value="p1 site Europe/Berlin")
    ledger.enter("clerk", "e1", Kind.ASSIGNMENT, start, value=name)
    ledger.close()
    words = ("retire", "--port", desk.port, "--registry", known, "--store", store)
    words += ("--ledger", path)
    assert dosewire(*words).returncode == Exit.USAGE  # who says so?
    refused = dosewire(*words, "--by", "tech 7")
    assert refused.returncode == Exit.UNDELIVERED
    assert name in refused.stderr
    done = dosewire(*words, "--by", "tech 7", "--lost", "run over by a lorry")
    assert done.returncode == 0, done.stderr
    assert "closed: the assignment to e1" in done.stdout
    opened = Ledger(path, lambda: 0, create=False)
    (entry,) = Programme(opened.entries()).only(Kind.ASSIGNMENT)
    opened.close()
    assert entry.end is not None and entry.by == "tech 7"


def test_what_the_backend_has_is_delivered(desk, known, tmp_path):
    press(desk)
    store = tmp_path / "store.db"
    deliver(desk, store, known)
    press(desk, "button4")
    words = ("retire", "--port", desk.port, "--registry", known, "--store", store)
    assert dosewire(*words).returncode == Exit.UNDELIVERED
    deliver(desk, store, known)
    assert dosewire(*words).returncode == 0
    again = ("provision", "--port", desk.port, "--registry", known, "--again", "--store", store)
    assert dosewire(*again).returncode == 0


def test_a_registry_that_does_not_know_the_dispenser_is_said(desk, tmp_path):
    done = dosewire("retire", "--port", desk.port, "--registry", tmp_path / "other.json")
    assert done.returncode == 1
    assert "another bench's registry" in done.stderr


def test_secrets_are_on_no_output_and_not_in_the_flash(flashed, tmp_path):
    with desks(copied(flashed, tmp_path / "d")) as (desk,):
        path = tmp_path / "r.json"
        done = dosewire("provision", "--port", desk.port, "--registry", path, "--json")
        assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (entry,) = registry.load(path).dispensers.values()
    secret = bytes.fromhex(entry.secret)
    everything = (done.stdout + done.stderr).encode()
    for name in ("flash.img", "eeprom.bin", "console.log"):
        everything += (tmp_path / "d" / name).read_bytes()
    assert secret not in everything
    assert entry.secret.encode() not in everything


def test_an_encrypted_registry(flashed, tmp_path):
    path, out = tmp_path / "r.json", tmp_path / "plain.json"
    with desks(copied(flashed, tmp_path / "d")) as (desk,):
        words = ("provision", "--port", desk.port, "--registry", path, "--json")
        given = dosewire(*words, DOSEWIRE_PASSPHRASE="open sesame")
        assert given.returncode == 0, given.stderr
        name = json.loads(given.stdout)["dispenser"]
        assert name.encode() not in path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for environ in ({}, {"DOSEWIRE_PASSPHRASE": "wrong"}):
            done = dosewire(*words, "--again", **environ)
            assert (done.returncode, done.stderr.count("\n")) == (Exit.USAGE, 1)
        assert desk.hello().service == Service.ok
    words = ("registry", "export", "--registry", path, "--out", out)
    assert dosewire(*words).returncode == Exit.USAGE
    assert dosewire(*words, DOSEWIRE_PASSPHRASE="open sesame").returncode == 0
    assert list(registry.load(out).dispensers) == [name]
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    missing = dosewire(*words, "--dispenser", "00" * 8, DOSEWIRE_PASSPHRASE="open sesame")
    assert missing.returncode == Exit.USAGE


SETTINGS = """
zone = "UTC"
volume = 3
quiet = ["22:00", "06:30"]
silence = 12
[[window]]
number = 5
compartment = 2
start = "09:15"
length = 90
weekdays = ["mon", "sun"]
"""


def test_settings_are_in_force_when_it_leaves_the_bench(flashed, tmp_path):
    path, file = tmp_path / "r.json", tmp_path / "settings.toml"
    with desks(copied(flashed, tmp_path / "d")) as (desk,):
        words = ("provision", "--port", desk.port, "--registry", path, "--settings", file)
        for wrong in ("volume = 3", SETTINGS.replace("= 2", "= 9"), "no toml"):
            file.write_text(wrong)
            done = dosewire(*words)
            assert (done.returncode, done.stderr.count("\n")) == (Exit.USAGE, 1), done.stderr
        file.write_text(SETTINGS)
        assert dosewire(*words, "--board", "pico2").returncode == Exit.WRONG_BOARD
        assert not path.exists(), "nothing was begun"
        done = dosewire(*words, "--board", "pico", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["settings"] == 1

        async def ask():
            async with Session(desk.port) as session:
                return await session.ask(schema.MessageType.config_get)

        body = asyncio.run(ask())
        # counter; version, volume, reminders, quiet hours, silence, sets; one offset; the window
        assert body[:4] == bytes((0, 0, 0, 1))
        assert body[4:14] == struct.pack(">HBBHHBB", 1, 3, 2, 1320, 390, 12, 1)
        assert body[14] == 1
        assert body[21:] == bytes((1, 5, 2, 0b1000001)) + struct.pack(">HHB", 555, 90, 0) + bytes(
            1
        )
        (told,) = [
            record
            for one in events(desk)
            for raw in wire.events_records(one)
            if (record := wire.parse(schema.Record, raw)).type == RecordType.settings_applied
        ]
        assert told.data == struct.pack(">HHI", 1, 0, 1)


@pytest.mark.parametrize("at", [20, 60, 200])
def test_a_changed_byte_of_an_encrypted_registry_is_found(tmp_path, at):
    vault = Vault(tmp_path / "r.json", "secret")
    vault.save(registry.Registry({"00" * 8: registry.Entry("5c" * 32, [7])}))
    assert vault.load().dispensers["00" * 8].epochs == [7]
    data = bytearray(vault.path.read_bytes())
    data[at] = ord("0") if data[at] != ord("0") else ord("1")
    vault.path.write_bytes(data)
    with pytest.raises(RegistryError):
        vault.load()


def test_the_label_says_the_id_and_nothing_else(tmp_path):
    from xml.etree import ElementTree

    name = "0123456789abcdef"
    tree = ElementTree.fromstring(label.svg(name))
    texts = [node.text for node in tree.iter() if node.tag.endswith("text")]
    assert "".join(texts).replace(" ", "") == f"Dosewire{name}"
    sizes = [float(node.get("font-size")) for node in tree.iter() if node.tag.endswith("text")]
    assert min(sizes) >= 16  # points: patients read it
    data = label.pdf(name)
    assert data.startswith(b"%PDF-1.4") and data.rstrip().endswith(b"%%EOF")
    at = int(data.rsplit(b"startxref\n", 1)[1].split()[0])
    assert data[at : at + 4] == b"xref"
    offsets = [int(line.split()[0]) for line in data[at:].splitlines()[3:8]]
    for number, offset in enumerate(offsets, 1):
        assert data[offset:].startswith(b"%d 0 obj" % number)
    with pytest.raises(ToolError):
        label.write(Path("x.png"), name)


def test_the_code_on_the_label_reads_as_the_id(tmp_path):
    """The modules drawn are those of an independent drawing of the same code."""
    import segno

    bars = label._bars("0123456789abcdef")
    side = bars[0][3]
    drawn = {
        (round(x / side) + n, round(y / side))
        for x, y, width, _ in bars
        for n in range(round(width / side))
    }
    code = segno.make_qr("0123456789abcdef", error="m")
    want = {
        (x, y)
        for y, row in enumerate(code.matrix_iter(border=4))
        for x, dark in enumerate(row)
        if dark
    }
    assert drawn == want
