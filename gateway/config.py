"""The gateway's configuration: TOML in, checked settings out, one line for every mistake."""

import os
import ssl
import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec

from protocol.topics import valid_gateway

Seconds = Annotated[float, msgspec.Meta(gt=0)]


class ConfigError(ValueError):
    """A configuration that cannot be used; the text is one line: file, key, what is allowed."""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file; keys it does not know are mistakes."""


class Identity(_Table, frozen=True):
    """`[gateway]`: who this gateway is and where it keeps its data."""

    id: Annotated[str, msgspec.Meta(min_length=1)]
    data: Annotated[str, msgspec.Meta(min_length=1)]


class Port(_Table, frozen=True):
    """`[[dispenser]]`: a serial port; may be a symbolic link that comes and goes."""

    port: Annotated[str, msgspec.Meta(min_length=1)]


class Uplink(_Table, frozen=True):
    """`[uplink]`: broker, credentials (PEM files) and patience; times in seconds."""

    host: Annotated[str, msgspec.Meta(min_length=1)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    ca: str
    cert: str
    key: str
    keepalive: Annotated[int, msgspec.Meta(ge=5, le=65535)] = 1200
    confirm_timeout: Seconds = 300
    retry_min: Seconds = 1
    retry_max: Seconds = 60


class Time(_Table, frozen=True):
    """`[time]`: whether to trust the host's clock though the kernel does not vouch for it."""

    trust_clock: bool = False
    uncertainty_ms: Annotated[int, msgspec.Meta(ge=1, le=86_400_000)] = 1000


class Config(_Table, frozen=True):
    """The whole file."""

    gateway: Identity
    uplink: Uplink
    dispenser: list[Port] = []
    time: Time = Time()

    @property
    def spool(self) -> Path:
        """The spool's database."""
        return Path(self.gateway.data) / "spool.db"


def load(path: Path) -> Config:
    """Read and check a configuration file.

    Raises ConfigError.
    """
    config = _convert(path, _read(path))
    _check_names(path, config)
    _check_files(path, config)
    return config


def tls_context(config: Config) -> ssl.SSLContext:
    """Return the context for mutual TLS >= 1.2.

    Raises ConfigError if a file does not hold what its key says. Dates are not looked at: an
    expired certificate must not stop a gateway from reading its dispensers.
    """
    uplink = config.uplink
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cafile=uplink.ca)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"{uplink.ca}: uplink.ca must be a file with certificates in PEM ({_plain(error)})"
        ) from error
    try:
        # a key with a pass phrase would ask on the terminal: the empty one refuses it
        context.load_cert_chain(uplink.cert, uplink.key, password="")
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"{uplink.cert}, {uplink.key}: uplink.cert and uplink.key must be a certificate "
            f"and its private key in PEM, without pass phrase ({_plain(error)})"
        ) from error
    return context


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
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML: {_plain(error)}") from error


def _convert(path: Path, tables: dict[str, Any]) -> Config:
    try:
        return msgspec.convert(tables, Config)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        raise ConfigError(f"{path}: {_key(where)}: {what}") from error


def _key(where: str) -> str:
    # msgspec writes `$.uplink.port`
    return where.strip("`").removeprefix("$").removeprefix(".") or "the file"


def _check_names(path: Path, config: Config) -> None:
    if not valid_gateway(config.gateway.id):
        raise _mistake(
            path, "gateway.id", f"{config.gateway.id!r} must be 1 to 32 of a-z, 0-9 and -"
        )
    if not config.dispenser:
        raise _mistake(
            path, "dispenser", 'needs at least one [[dispenser]] with port = "/dev/..."'
        )
    ports = [entry.port for entry in config.dispenser]
    for i, port in enumerate(ports):
        if not Path(port).is_absolute():
            raise _mistake(path, f"dispenser[{i}].port", f"{port!r} must be an absolute path")
        if port in ports[:i]:
            raise _mistake(path, f"dispenser[{i}].port", f"{port!r} is there twice")
    if config.uplink.retry_max < config.uplink.retry_min:
        raise _mistake(path, "uplink.retry_max", "must not be below uplink.retry_min")


def _check_files(path: Path, config: Config) -> None:
    for name in ("ca", "cert", "key"):
        file = Path(getattr(config.uplink, name))
        if not file.is_file() or not os.access(file, os.R_OK):
            raise _mistake(path, f"uplink.{name}", f"{str(file)!r} must be a readable PEM file")
    data = Path(config.gateway.data)
    if data.exists() and not data.is_dir():
        raise _mistake(path, "gateway.data", f"{str(data)!r} must be a folder")


def _mistake(path: Path, key: str, text: str) -> ConfigError:
    return ConfigError(f"{path}: {key}: {text}")


def _plain(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())
