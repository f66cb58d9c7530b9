"""`dosewire release`: make a key, build a release, check one."""

import json
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from protocol import bundle
from protocol.bundle import Release
from protocol.manifest import ManifestError, SignatureError
from tools.compile import FIRMWARE, CompileError, digest
from tools.exits import Exit

app = typer.Typer(no_args_is_help=True, help="Firmware releases: build, sign, check.")


@app.command()
def key(
    path: Annotated[Path, typer.Argument(help="Where the private key goes; FILE.pub beside it.")],
) -> None:
    """Make the key that signs releases (Ed25519, PEM, mode 0600): who has it decides what runs."""
    from tools import release_key

    try:
        public = release_key.make(path)
    except release_key.KeyFileError as error:
        _fail(error, Exit.USAGE)
    print(f"{path}: private, keep it; {public}: public, for whoever flashes")


@app.command()
def build(
    out: Annotated[
        Path | None, typer.Option(help="Bundle to write; else dosewire-VERSION.zip here.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="Private key; else a development key.")] = None,
    firmware: Annotated[Path, typer.Option(help="Folder with the firmware's sources.")] = FIRMWARE,
    board: Annotated[list[str] | None, typer.Option(help="Board; may be repeated.")] = None,
) -> None:
    """Compile the firmware into one signed file; the same sources and key give the same bytes."""
    from hardware.board import BoardError
    from tools import release as releases
    from tools.release_key import KeyFileError, development_key

    try:
        signer, made = releases.signer(key)
        release = releases.build(firmware, board or ["pico"], signer)
        path = out or Path(f"dosewire-{release.version}.zip")
        path.write_bytes(bundle.pack(release.signed, release.files))
    except (KeyFileError, CompileError, BoardError) as error:
        _fail(error, Exit.USAGE)
    except OSError as error:
        _fail(OSError(f"{error.filename}: {error.strerror}"), Exit.FAILED)
    if key is None:
        new = "a new development key" if made else "the development key"
        told = f"signed with {new}, {development_key()}: for the bench, not for patients"
        print(f"dosewire release: {told}", file=sys.stderr)
    print(f"{path}: {_line(release)}, SHA-256 {digest(path.read_bytes())}")


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(help="Bundle.")],
    key: Annotated[
        Path | None, typer.Option(help="Public key of who built it; else the development key.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Check signature and every file of a release, and say what it is for."""
    from tools import release as releases
    from tools.release_key import KeyFileError

    try:
        release = releases.read(path, releases.verifier(key))
    except KeyFileError as error:
        _fail(error, Exit.USAGE)
    except SignatureError as error:
        _fail(
            ManifestError(f"{path}: {error}: ask who built it for the key"), Exit.WRONG_SIGNATURE
        )
    except ManifestError as error:
        _fail(ManifestError(f"{path}: {error}: fetch it again"), Exit.TAMPERED)
    except OSError as error:
        _fail(OSError(f"{path}: {error.strerror}"), Exit.USAGE)
    manifest = release.manifest
    if as_json:
        told = {
            "version": release.version, "boards": manifest.boards, "protocol": manifest.protocol,
            "micropython": manifest.micropython, "files": len(manifest.files),
        }  # fmt: skip
        print(json.dumps(told))
    else:
        print(f"{path}: good: {_line(release)}")


def _line(release: Release) -> str:
    manifest = release.manifest
    size = sum(map(len, release.files.values()))
    return (
        f"{release.version} for {', '.join(manifest.boards)}, MicroPython {manifest.micropython} "
        f"or newer, protocol {manifest.protocol}, {len(manifest.files)} files, "
        f"{size / 1000:.0f} kB"
    )


def _fail(error: Exception, code: Exit) -> NoReturn:
    print(f"dosewire release: {error}", file=sys.stderr)
    raise typer.Exit(int(code)) from error
