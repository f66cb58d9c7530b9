"""The backend's configuration: defaults, relative paths, one line for each mistake."""

import pytest

from sim.backend.config import ConfigError, load

GOOD = """
[backend]
store = "store.db"
registry = "registry.json"

[mqtt]
host = "127.0.0.1"
port = 8883
ca = "ca.pem"
cert = "backend.pem"
key = "backend.key"
"""


@pytest.fixture
def written(tmp_path):
    for name in ("registry.json", "ca.pem", "backend.pem", "backend.key"):
        (tmp_path / name).touch()

    def write(text):
        path = tmp_path / "backend.toml"
        path.write_text(text)
        return path

    return write


def test_defaults_and_paths_beside_the_file(written, tmp_path):
    config = load(written(GOOD))
    assert config.backend.where == tmp_path / "store.db"
    assert config.mqtt.key == tmp_path / "backend.key"
    assert config.backend.watermark_interval == 21600
    assert (config.backend.watermark_every, config.backend.refusal_grace) == (1000, 2)


def test_absolute_paths_stay(written, tmp_path):
    config = load(written(GOOD.replace('"ca.pem"', f'"{tmp_path}/ca.pem"')))
    assert config.mqtt.ca == tmp_path / "ca.pem"


def test_no_two_processes_share_a_group_by_default(written):
    path = written(GOOD)
    assert load(path).mqtt.group != load(path).mqtt.group


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('store = "store.db"', "", "store"),
        ('store = "store.db"', "store = 7", "backend.store"),
        ('store = "store.db"', 'store = ""', "backend.store"),
        ('store = "store.db"', 'store = "no/such/folder.db"', "backend.store"),
        ('store = "store.db"', 'store = "mysql://x/y"', "neither a file nor postgresql://"),
        ('store = "store.db"', 'store = "store.db"\nmissing_after = 0', "backend.missing_after"),
        ('registry = "registry.json"', 'registry = "none.json"', "backend.registry"),
        ("port = 8883", 'port = "x"', "mqtt.port"),
        ("port = 8883", "port = 0", "mqtt.port: Expected `int` >= 1"),
        ("port = 8883", "port = 8883\nprot = 1", "prot"),
        ('cert = "backend.pem"', 'cert = "gone.pem"', "mqtt.cert"),
        ("port = 8883", "port = 8883\nretry_max = 0.1", "mqtt.retry_max"),
        ("port = 8883", 'port = 8883\ngroup = "a/b"', "mqtt.group"),
        ("[mqtt]", "[mqtt", "not TOML"),
        ("[mqtt]", "[mtqq]", "mtqq"),
    ],
)
def test_each_mistake_is_one_line_with_file_and_key(written, old, new, said):
    path = written(GOOD.replace(old, new))
    with pytest.raises(ConfigError) as raised:
        load(path)
    line = str(raised.value)
    assert line.startswith(f"{path}: ")
    assert said in line
    assert "\n" not in line


def test_a_servers_store_is_no_file(written):
    url = "postgresql://backend@db.example/rtm"
    assert load(written(GOOD.replace("store.db", url))).backend.where == url


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: No such file"):
        load(tmp_path / "none.toml")
