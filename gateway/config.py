"""The gateway's configuration: TOML in, checked settings out, one line for every mistake."""

import os
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from protocol.topics import valid_gateway

PICO = "2e8a:0005"
"""USB vendor:product of a Raspberry Pi Pico that runs MicroPython."""


class ConfigError(ValueError):
    """A configuration that cannot be used; the text is one line: file, key, what is allowed."""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file; keys it does not know are mistakes."""


def _says(text: str, **limits: Any) -> msgspec.Meta:
    # what the reference page and `config --explain` tell of a key
    return msgspec.Meta(description=text, **limits)


class Identity(_Table, frozen=True):
    """`[gateway]`: who this gateway is and where it keeps its data."""

    id: Annotated[
        str, _says("Common name of the certificate: 1 to 32 of a-z, 0-9 and -.", min_length=1)
    ]
    data: Annotated[
        str,
        _says("Folder of spool, status socket and time floor; made if missing.", min_length=1),
    ]


class Port(_Table, frozen=True):
    """`[[dispenser]]`: a serial port that is always served, one table for each."""

    port: Annotated[
        str, _says("Absolute path, may be a symbolic link that comes and goes.", min_length=1)
    ]


class Discovery(_Table, frozen=True):
    """`[discovery]`: dispensers found by themselves on USB."""

    usb: (
        Annotated[
            list[Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{4}:[0-9a-f]{4}$")]],
            _says(
                "Vendor:product of what is opened, nothing else ever is; [] = none. "
                'Without the key: ["2e8a:0005"], or none if there is a [[dispenser]].'
            ),
        ]
        | None
    ) = None
    prompt_after: Annotated[
        float,
        _says(
            "Seconds a dispenser may stand at its prompt, its port held by nobody, before it "
            "is told to start its firmware.",
            ge=1,
        ),
    ] = 60


class Uplink(_Table, frozen=True):
    """`[uplink]`: broker, credentials and patience."""

    host: Annotated[str, _says("Name or address of the MQTT 5 broker.", min_length=1)]
    port: Annotated[int, _says("TCP port, usually 8883; always mutual TLS.", ge=1, le=65535)]
    ca: Annotated[str, _says("PEM file: authorities that may vouch for the broker.")]
    cert: Annotated[str, _says("PEM file: this gateway's certificate.")]
    key: Annotated[str, _says("PEM file: its private key, without pass phrase.")]
    keepalive: Annotated[
        int, _says("Seconds of silence until the connection is tried.", ge=5, le=65535)
    ] = 3600
    confirm_timeout: Annotated[
        float, _says("Seconds until what the backend has not confirmed is asked for.", gt=0)
    ] = 300
    watermark_interval: Annotated[
        float,
        _says("The backend's: it confirms what is no response by itself that often.", ge=0),
    ] = 21_600
    retry_min: Annotated[
        float, _says("Seconds: ceiling of the first delay between tries, doubling.", gt=0)
    ] = 1
    retry_max: Annotated[float, _says("Seconds: ceiling of any delay between tries.", gt=0)] = 60
    probe_max: Annotated[
        float,
        _says("Seconds: ceiling of the delay between probes while the backend is away.", gt=0),
    ] = 14_400


class Publishing(_Table, frozen=True):
    """`[publishing]`: what is published when."""

    profile: Annotated[
        Literal["prompt", "hourly", "daily"],
        _says(
            "prompt: always connected; hourly, daily: connected that often, and at once for "
            "urgent records."
        ),
    ] = "prompt"
    coalesce: Annotated[
        float,
        _says("Seconds a record that is not urgent waits for others (prompt).", ge=0, le=50),
    ] = 50
    urgent_response: Annotated[
        int,
        _says(
            "Responses from this button on are urgent: 0 none to 4 very severe; 5: none is.",
            ge=0,
            le=5,
        ),
    ] = 3
    daily_bytes: Annotated[
        int, _says("Bytes a day, both ways, from which on there is an alarm; 0: none.", ge=0)
    ] = 1_000_000


class SpoolLimits(_Table, frozen=True):
    """`[spool]`: how much room it may take."""

    max_bytes: Annotated[
        int,
        _says("Bytes of the database; log and ballast take up to 8 MiB more.", ge=4 << 20),
    ] = 256 << 20


class Time(_Table, frozen=True):
    """`[time]`: when the host's clock is good enough for dispensers."""

    trust_clock: Annotated[
        bool, _says("Trust the clock though the kernel does not call it synchronised.")
    ] = False
    uncertainty_ms: Annotated[
        int, _says("Milliseconds the clock may be wrong, if trusted.", ge=1, le=86_400_000)
    ] = 1000


class Metrics(_Table, frozen=True):
    """`[metrics]`: figures for Prometheus over HTTP; off without this table."""

    port: Annotated[int, _says("TCP port to listen on.", ge=1, le=65535)]
    address: Annotated[
        str, _says("Address to listen on; anything but loopback is seen by the network.")
    ] = "127.0.0.1"


class Release(_Table, frozen=True):
    """`[release]`: firmware for dispensers, from the backend; without this table it is refused."""

    key: Annotated[
        str,
        _says(
            "PEM file: the public key of who builds releases (Ed25519). Checking needs the "
            "package `cryptography`.",
            min_length=1,
        ),
    ]


_Command = Annotated[list[str], msgspec.Meta(max_length=32)]


class Modem(_Table, frozen=True):
    """`[modem]`: a cellular modem that is kept connected; without it nothing of that is loaded."""

    apn: Annotated[
        str,
        _says(
            "Access point's name, as the operator says; empty: what the modem holds.",
            pattern="^[A-Za-z0-9._-]{0,63}$",
        ),
    ] = ""
    pin: Annotated[
        str,
        _says(
            "The SIM's PIN, 4 to 8 digits; tried once, never with fewer than two tries left.",
            pattern="^([0-9]{4,8})?$",
        ),
    ] = ""
    cid: Annotated[int, _says("Number of the data context.", ge=1, le=15)] = 1
    roaming: Annotated[bool, _says("Use foreign networks; SIMs made for devices need that.")] = (
        True
    )
    port: Annotated[
        str, _says("Absolute path of its command port; empty: found by its USB id.")
    ] = ""
    manager: Annotated[
        bool, _says("ModemManager holds the modem: ask it by mmcli, open no command port.")
    ] = False
    interface: Annotated[
        str,
        _says(
            "Network interface of the modem, to which the uplink is bound; empty: not bound, and "
            "the host's routes decide.",
            pattern="^[A-Za-z0-9_.-]{0,15}$",
        ),
    ] = ""
    other_uplink: Annotated[
        bool, _says("Connect any other way while the modem's interface gives no connection.")
    ] = False
    witness: Annotated[
        list[Annotated[str, msgspec.Meta(pattern="^[^:]+:[0-9]{1,5}$")]],
        _says(
            "host:port beyond the modem, asked for a TCP connection only while the broker is "
            "silent: tells a broker that is away from a modem that passes nothing."
        ),
    ] = []
    renew: Annotated[_Command, _says("Program that lets the interface ask for its address.")] = []
    power: Annotated[
        _Command, _says("Program that cuts the modem's power and gives it again.")
    ] = []
    reboot: Annotated[_Command, _says("Program that restarts this host, once a day at most.")] = []


class Config(_Table, frozen=True):
    """The whole file."""

    gateway: Identity
    uplink: Uplink
    dispenser: list[Port] = []
    discovery: Discovery = Discovery()
    publishing: Publishing = Publishing()
    spool_limits: SpoolLimits = msgspec.field(default=SpoolLimits(), name="spool")
    time: Time = Time()
    metrics: Metrics | None = None
    modem: Modem | None = None
    release: Release | None = None

    @property
    def usb(self) -> frozenset[str]:
        """Vendor:product ids of the USB serial ports that are opened."""
        if self.discovery.usb is not None:
            return frozenset(self.discovery.usb)
        return frozenset() if self.dispenser else frozenset({PICO})

    @property
    def release_key(self) -> Path | None:
        """The file with the public key of who builds releases, None: there are none."""
        return None if self.release is None else Path(self.release.key)

    @property
    def spool(self) -> Path:
        """The spool's database."""
        return Path(self.gateway.data) / "spool.db"


def read(path: Path) -> Config:
    """Read a configuration file and check what it says, not the files it names.

    Raises ConfigError.
    """
    config = _convert(path, _read(path))
    _check_names(path, config)
    return config


def load(path: Path) -> Config:
    """Read and check a configuration file and the files it names.

    Raises ConfigError.
    """
    config = read(path)
    _check_files(path, config)
    return config


def prepare_data(path: Path, config: Config) -> None:
    """Make the data folder if it is not there; raises ConfigError if it cannot be used."""
    folder = Path(config.gateway.data)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        usable = os.access(folder, os.W_OK | os.X_OK)
    except OSError as error:
        raise _mistake(
            path, "gateway.data", f"{folder} cannot be made ({error.strerror})"
        ) from error
    if not usable:
        raise _mistake(path, "gateway.data", f"{folder} must be writable")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        remedy = "name another with --config; `dosewire gateway --help` shows the shortest"
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); {remedy}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML: {plain(error)}") from error


def _convert(path: Path, tables: dict[str, Any]) -> Config:
    try:
        return msgspec.convert(tables, Config)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        raise ConfigError(f"{path}: {_key(where)}: {_in_words(what)}") from error


def _key(where: str) -> str:
    # msgspec writes `$.uplink.port`
    return where.strip("`").removeprefix("$").removeprefix(".") or "the file"


def _in_words(what: str) -> str:
    # msgspec speaks of objects and fields, TOML of tables and keys
    if "unknown field" in what:
        name = what.rpartition(" ")[2]
        return f"unknown key {name}; `dosewire gateway config` tells those there are"
    return what.replace("Object missing required field", "missing key")


def _check_names(path: Path, config: Config) -> None:
    if not valid_gateway(config.gateway.id):
        raise _mistake(
            path, "gateway.id", f"{config.gateway.id!r} must be 1 to 32 of a-z, 0-9 and -"
        )
    if not config.dispenser and not config.usb:
        raise _mistake(
            path, "discovery.usb", "must not be empty without a [[dispenser]]: nothing to read"
        )
    ports = [entry.port for entry in config.dispenser]
    for i, port in enumerate(ports):
        if not Path(port).is_absolute():
            raise _mistake(path, f"dispenser[{i}].port", f"{port!r} must be an absolute path")
        if port in ports[:i]:
            raise _mistake(path, f"dispenser[{i}].port", f"{port!r} is there twice")
    if config.modem is not None:
        _check_modem(path, config.modem)
    if config.uplink.retry_max < config.uplink.retry_min:
        raise _mistake(path, "uplink.retry_max", "must not be below uplink.retry_min")


def _check_modem(path: Path, modem: Modem) -> None:
    if modem.port and not Path(modem.port).is_absolute():
        raise _mistake(path, "modem.port", f"{modem.port!r} must be an absolute path")
    if modem.other_uplink and not modem.interface:
        raise _mistake(
            path, "modem.other_uplink", "needs modem.interface: what other way is meant?"
        )
    for key in ("renew", "power", "reboot"):
        words: list[str] = getattr(modem, key)
        if words and not Path(words[0]).is_absolute():
            text = f"{words[0]!r} must be the absolute path of a program, its words follow it"
            raise _mistake(path, f"modem.{key}", text)


def _check_files(path: Path, config: Config) -> None:
    for name in ("ca", "cert", "key"):
        file = Path(getattr(config.uplink, name))
        if not file.is_file() or not os.access(file, os.R_OK):
            raise _mistake(path, f"uplink.{name}", f"{str(file)!r} must be a readable PEM file")
    _check_release(path, config)
    data = Path(config.gateway.data)
    if data.exists() and not data.is_dir():
        raise _mistake(path, "gateway.data", f"{str(data)!r} must be a folder")


def _check_release(path: Path, config: Config) -> None:
    key = config.release_key
    if key is None:
        return
    if not key.is_file() or not os.access(key, os.R_OK):
        raise _mistake(path, "release.key", f"{str(key)!r} must be a readable PEM file")
    if find_spec("cryptography") is None:
        text = "needs the package `cryptography` to check releases: pip install cryptography"
        raise _mistake(path, "release.key", text)


def _mistake(path: Path, key: str, text: str) -> ConfigError:
    return ConfigError(f"{path}: {key}: {text}")


def plain(error: Exception) -> str:
    """Return what an error says, in one line."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())
