"""Refusals and plans, from what a board says of itself."""

import dataclasses
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from protocol import bundle
from protocol.manifest import sign
from tests.tools.desk import KEY, built
from tools import flash_app, plan
from tools.app import app
from tools.compile import digest, placed
from tools.exits import MEANING, Exit
from tools.facts import Facts
from tools.plan import Allowed, RefusedError

GUIDE = Path(__file__).parent.parent.parent / "docs" / "field-guide.md"
STOCK = Facts(
    machine="Raspberry Pi Pico with RP2040",
    micropython=(1, 28, 0),
    root=[],
    slot=None,
    states={"a": None, "b": None},
    versions={"a": None, "b": None},
    identity=None,
    free=1_000_000,
)
OURS = msgspec.structs.replace(
    STOCK, root=["boot.py", "main.py", "slots"], versions={"a": "0.1.0", "b": None}
)


@pytest.fixture(scope="module")
def release():
    return built()


def changed(release, **fields):
    manifest = msgspec.structs.replace(release.manifest, **fields)
    return dataclasses.replace(release, manifest=manifest, signed=sign(manifest, KEY))


def held(release, *slots, start=True):
    """What a board holds that has this release in these slots."""
    paths = plan.wanted(release)
    sums = {placed(p, s): digest(d) for p, d in release.files.items() for s in slots}
    outside = {f"/{p}": digest(release.files[p]) if start else "-" for p in bundle.START}
    return {path: sums.get(path, "-") for path in paths} | outside


def refusal(release, facts, allowed=None):
    with pytest.raises(RefusedError) as refused:
        plan.check(release, facts, allowed or Allowed())
    assert "\n" not in str(refused.value)
    return refused.value.exit


def test_a_stock_board_is_good(release):
    plan.check(release, STOCK, Allowed())


@pytest.mark.parametrize(
    "machine", ["Raspberry Pi Pico W with RP2040", "Raspberry Pi Pico2 with RP2350", "linux", ""]
)
def test_another_board_is_refused(release, machine):
    assert refusal(release, msgspec.structs.replace(STOCK, machine=machine)) == Exit.WRONG_BOARD


def test_an_old_micropython_is_refused(release):
    for version in ((1, 25, 9), (1, 9, 4), (0, 99)):
        facts = msgspec.structs.replace(STOCK, micropython=version)
        assert refusal(release, facts) == Exit.OLD_MICROPYTHON
    plan.check(release, msgspec.structs.replace(STOCK, micropython=(1, 26, 0)), Allowed())
    plan.check(release, msgspec.structs.replace(STOCK, micropython=(2, 0)), Allowed())


def test_another_protocol_is_refused(release):
    assert refusal(changed(release, protocol=9), STOCK) == Exit.OTHER_PROTOCOL


def test_a_downgrade_is_told_by_numbers(release):
    newer = msgspec.structs.replace(OURS, versions={"a": "0.10.0", "b": None})
    assert refusal(changed(release, version=(0, 9, 0)), newer) == Exit.DOWNGRADE
    plan.check(changed(release, version=(0, 9, 0)), newer, Allowed(downgrade=True))
    plan.check(changed(release, version=(0, 10, 0)), newer, Allowed())


def test_a_foreign_board_is_refused(release):
    for root in (["main.py"], ["lib"], ["boot.py", "data.txt"]):
        facts = msgspec.structs.replace(STOCK, root=root)
        assert refusal(release, facts) == Exit.FOREIGN
        plan.check(release, facts, Allowed(foreign=True))
    # the stock image of some versions comes with an empty boot.py
    plan.check(release, msgspec.structs.replace(STOCK, root=["boot.py"]), Allowed())


def test_a_stock_board_gets_slot_a_and_all_files(release):
    made = plan.make(release, STOCK, held(release, start=False))
    assert (made.slot, made.back_to, made.current) == ("a", None, False)
    assert len(made.write) + len(made.outside) == len(release.files)


def test_what_is_there_is_not_written(release):
    assert plan.make(release, OURS, held(release, "a")).current
    cut = held(release, "b") | {placed("dispenser/app.mpy", "b"): "-"}
    made = plan.make(release, OURS, cut)
    assert (made.slot, made.write, made.outside) == ("b", ["dispenser/app.mpy"], [])


@given(
    st.sampled_from([None, "a", "b", "x"]),
    st.tuples(*[st.sampled_from([None, "started", "confirmed", "reverted", "told"])] * 2),
)
def test_the_slot_that_is_written_is_never_the_one_to_fall_back_on(slot, states):
    release = _release()
    facts = msgspec.structs.replace(OURS, slot=slot, states=dict(zip("ab", states, strict=True)))
    made = plan.make(release, facts, held(release))
    active = "b" if slot == "b" else "a"
    other = "a" if active == "b" else "b"
    confirmed = [s for s in (active, other) if facts.states[s] == "confirmed"]
    assert made.slot != (confirmed[0] if confirmed else active)
    # nothing is written into the slot that a start would take
    assert made.slot != (made.back_to or active)


_BUILT = []


def _release():
    if not _BUILT:
        _BUILT.append(built())
    return _BUILT[0]


def test_every_code_is_documented_once_and_distinct():
    assert set(MEANING) == set(Exit)
    assert len({int(code) for code in Exit}) == len(Exit)
    guide = GUIDE.read_text(encoding="utf-8")
    for code, text in MEANING.items():
        assert f"| {int(code)} | {text} |" in guide


def bad(release, tmp_path, key, kind):
    path = tmp_path / "r.zip"
    data = bundle.pack(release.signed, release.files)
    if kind == "tampered":
        at = data.index(b"M\x06") + 30
        data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    if kind == "cut":
        data = data[:-1000]
    if kind == "protocol":
        data = bundle.pack(changed(release, protocol=9).signed, release.files)
    path.write_bytes(data)
    return ["--release", str(path), "--key", str(key)]


@pytest.mark.parametrize(
    ("kind", "code", "says"),
    [
        ("tampered", Exit.TAMPERED, "fetch it again"),
        ("cut", Exit.TAMPERED, "fetch it again"),
        ("signature", Exit.WRONG_SIGNATURE, "--key"),
        ("protocol", Exit.OTHER_PROTOCOL, "use the tools that came with it"),
        ("missing", Exit.USAGE, "No such file"),
    ],
)
def test_a_bad_release_is_refused_before_a_port_is_opened(
    release, tmp_path, monkeypatch, kind, code, says
):
    from tools import prompt, release_key

    opened = []
    monkeypatch.setattr(prompt, "SerialTransport", lambda *a, **k: opened.append(a))
    key = tmp_path / "k.pem"
    release_key.make(key)
    ours = tmp_path / "ours.pem"
    ours.write_bytes(_pem())
    words = bad(release, tmp_path, key if kind == "signature" else ours, kind)
    if kind == "missing":
        words[1] = str(tmp_path / "none.zip")
    port = tmp_path / "port"
    port.write_bytes(b"")
    done = CliRunner().invoke(app, ["flash", "--yes", "--port", str(port), *words])
    assert done.exit_code == code
    (line,) = done.stderr.splitlines()
    assert says in line
    assert not opened


def _pem():
    from cryptography.hazmat.primitives import serialization as form

    return KEY.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)


def test_the_help_tells_the_codes():
    done = CliRunner().invoke(app, ["flash", "--help"])
    assert done.exit_code == 0
    assert "Exit codes" in done.output
    assert flash_app.CODES.count("\n\n") == len(Exit) - 1
