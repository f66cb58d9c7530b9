"""The registry file: what is accepted, how it is written, how it is followed."""

import json

import pytest

from sim.backend.registry import Entry, Registry, RegistryError, RegistryFile, load, save

ID = "0123456789abcdef"
SECRET = "ab" * 32


def as_file(tmp_path, text):
    path = tmp_path / "registry.json"
    path.write_text(text)
    return path


def entry(**changed):
    return json.dumps({"dispensers": {ID: {"secret": SECRET, "epochs": [1]} | changed}})


def test_it_is_the_agreed_json(tmp_path):
    path = tmp_path / "registry.json"
    save(path, Registry({ID: Entry(SECRET, [5, 0xFFFFFFFF])}))
    expected = {"dispensers": {ID: {"secret": SECRET, "epochs": [5, 0xFFFFFFFF]}}}
    assert json.loads(path.read_text()) == expected
    assert load(path) == Registry({ID: Entry(SECRET, [5, 0xFFFFFFFF])})


def test_it_is_for_its_owner_only_and_leaves_no_crumbs(tmp_path):
    path = tmp_path / "registry.json"
    for epochs in ([1], [1, 2]):
        save(path, Registry({ID: Entry(SECRET, epochs)}))
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_one_stays_when_the_new_one_cannot_be_written(tmp_path, monkeypatch):
    path = tmp_path / "registry.json"
    save(path, Registry({ID: Entry(SECRET, [1])}))

    def fail(_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        save(path, Registry())
    assert ID in load(path).dispensers
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"dispensers": {"XYZ": {"secret": "00", "epochs": []}}}',
        entry(secret="ab"),
        entry(secret="AB" * 32),
        entry(epochs=[0]),
        entry(epochs=[1 << 32]),
        entry(epochs="1"),
        entry(extra=1),
    ],
)
def test_others_are_refused_in_one_line_that_names_the_file(tmp_path, text):
    path = as_file(tmp_path, text)
    with pytest.raises(RegistryError) as raised:
        load(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RegistryError, match="No such file"):
        load(tmp_path / "registry.json")


def test_what_could_not_be_read_again_is_not_written(tmp_path):
    with pytest.raises(RegistryError):
        save(tmp_path / "registry.json", Registry({"x": Entry("short", [0])}))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_turns_bad_leaves_the_last_good_one_in_force(tmp_path):
    path = tmp_path / "registry.json"
    save(path, Registry({ID: Entry(SECRET, [1])}))
    followed = RegistryFile(path)
    path.write_text("{")
    assert followed.secret_for(ID, 2) is None
    assert followed.trouble is not None
    assert followed.secret_for(ID, 1) == bytes.fromhex(SECRET)
    save(path, Registry({ID: Entry(SECRET, [1, 2])}))
    assert followed.secret_for(ID, 2) == bytes.fromhex(SECRET)
    assert followed.trouble is None
