"""Configuration of the backend: a TOML file, checked whole before anything starts."""

import secrets
import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec

Positive = Annotated[float, msgspec.Meta(gt=0)]


class ConfigError(ValueError):
    """One line: which file, which key, what is allowed."""


class Backend(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is stored where, and when it is confirmed; times in seconds."""

    # a file, or postgresql://... with which several workers may run side by side
    store: Annotated[str, msgspec.Meta(min_length=1)]
    registry: Path
    watermark_interval: Annotated[float, msgspec.Meta(ge=0)] = 21600.0
    watermark_every: Annotated[int, msgspec.Meta(ge=1)] = 1000
    # the longest that a record read again may need to get here
    refusal_grace: Annotated[float, msgspec.Meta(ge=0)] = 2.0
    # what is known of and has not come for so long is alarmed as MISSING
    missing_after: Positive = 3600.0
    # tell every gateway where its streams stand after each connect; one worker of many is enough
    announce: bool = True

    @property
    def where(self) -> Path | str:
        """The store as `open_store` wants it."""
        return self.store if "://" in self.store else Path(self.store)


class Mqtt(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The broker and the certificate to show it; times in seconds."""

    host: Annotated[str, msgspec.Meta(min_length=1)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    ca: Path
    cert: Path
    key: Path
    # of the shared subscription; workers side by side need the same. Not guessable, because a
    # broker that does not check subscriptions lets a gateway join it and swallow others' messages
    group: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9-]{1,64}$")] = msgspec.field(
        default_factory=lambda: f"ingest-{secrets.token_hex(16)}"
    )
    keepalive: Annotated[int, msgspec.Meta(ge=5, le=65535)] = 60
    retry_min: Positive = 0.5
    retry_max: Positive = 30.0


class Pages(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The glance pages, on loopback; `ledger`: what people entered (`dosewire evidence enter`)."""

    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    ledger: Path


class Config(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The whole file; without [pages] none are served."""

    backend: Backend
    mqtt: Mqtt
    pages: Pages | None = None


def load(path: Path) -> Config:
    """Read a configuration; relative paths in it are relative to its folder.

    Raises ConfigError if the file, a key or a file that a key names is missing or wrong.
    """
    try:
        text = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    try:
        config = msgspec.convert(text, Config, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {_with_key(str(error))}") from error
    return _checked(path, config)


def _path(kind: type, value: Any) -> Path:
    if kind is not Path or not isinstance(value, str) or not value:
        raise ValueError("Expected a path")
    return Path(value)


def _with_key(message: str) -> str:
    # "Expected `int`, got `str` - at `$.mqtt.port`" -> "mqtt.port: Expected ..."
    what, _, where = message.partition(" - at `$")
    key = where.strip("`.")
    return f"{key}: {what}" if key else what


def _store(folder: Path, store: str) -> str:
    return store if "://" in store else str(folder / store)


def _checked(path: Path, config: Config) -> Config:
    folder = path.resolve().parent
    backend = msgspec.structs.replace(
        config.backend,
        store=_store(folder, config.backend.store),
        registry=folder / config.backend.registry,
    )
    mqtt = msgspec.structs.replace(
        config.mqtt,
        ca=folder / config.mqtt.ca,
        cert=folder / config.mqtt.cert,
        key=folder / config.mqtt.key,
    )
    for name in ("ca", "cert", "key"):
        if not getattr(mqtt, name).is_file():
            raise ConfigError(f"{path}: mqtt.{name}: no such file: {getattr(mqtt, name)}")
    if not backend.registry.is_file():
        raise ConfigError(f"{path}: backend.registry: no such file: {backend.registry}")
    where = backend.where
    if isinstance(where, Path) and not where.parent.is_dir():
        raise ConfigError(f"{path}: backend.store: no such folder: {where.parent}")
    if isinstance(where, str) and not where.startswith("postgresql://"):
        raise ConfigError(f"{path}: backend.store: neither a file nor postgresql://...")
    if mqtt.retry_max < mqtt.retry_min:
        raise ConfigError(f"{path}: mqtt.retry_max: must be at least retry_min")
    pages = config.pages
    if pages is not None:
        pages = msgspec.structs.replace(pages, ledger=folder / pages.ledger)
        if not pages.ledger.is_file():
            raise ConfigError(f"{path}: pages.ledger: no such file: {pages.ledger}")
    return Config(backend, mqtt, pages)
