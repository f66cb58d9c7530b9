"""`dosewire provision`, `retire` and `registry`: the words; the work is done elsewhere."""

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from tools.exits import Exit, ToolError

Port = Annotated[Path, typer.Option(help="Serial port, such as /dev/ttyACM0.")]
RegistryPath = Annotated[
    Path,
    typer.Option(
        "--registry",
        help="File that keeps the secrets; encrypted if made with DOSEWIRE_PASSPHRASE set.",
    ),
]
Store = Annotated[
    str | None,
    typer.Option(help="The backend's store (file or URL): what is in it is delivered."),
]
Lost = Annotated[str, typer.Option(metavar="REASON", help="Why undelivered records are given up.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
_LONGEST = 200
provision = typer.Typer(invoke_without_command=True)
registry = typer.Typer(no_args_is_help=True, help="The file that keeps the dispensers' secrets.")


@provision.callback()
def dispenser(
    context: typer.Context,
    port: Annotated[Path | None, typer.Option(help="Serial port, such as /dev/ttyACM0.")] = None,
    path: Annotated[
        Path | None,
        typer.Option(
            "--registry",
            help="File that keeps the secrets; encrypted if made with DOSEWIRE_PASSPHRASE set.",
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Begin a new epoch; its records are removed.")
    ] = False,
    store: Store = None,
    lost: Lost = "",
    settings: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Put settings in force: TOML, as the backend sends."),
    ] = None,
    board: Annotated[str, typer.Option(help="Refuse any other board: pico, pico2.")] = "",
    label: Annotated[Path | None, typer.Option(help="Write its label: .svg or .pdf.")] = None,
    as_json: AsJson = False,
) -> None:
    """Give a dispenser its id, a new epoch and its keys; the secret stays in the registry.

    With --again it is refused as long as records about the patient are not delivered. `dosewire
    provision gateway --help`: key, certificate and configuration of a gateway.
    """
    if context.invoked_subcommand:
        return
    from tools import provision as provisioning
    from tools.vault import Vault

    with _told("provision", "run this again before the dispenser leaves the bench"):
        if port is None or path is None:
            raise ToolError("--port and --registry are needed", Exit.USAGE)
        _is_short(lost)
        if label:
            from tools.label import check

            check(label)
        given = provisioning.provision(
            port, Vault(path), again=again, store=store, lost=lost, settings=settings, board=board
        )
        if label:
            from tools.label import write

            write(label, given.dispenser)
    if as_json:
        told = {"dispenser": given.dispenser, "epoch": given.epoch, "settings": given.settings}
        print(json.dumps(told))
    else:
        print(f"{port}: dispenser {given.dispenser}, epoch {given.epoch}, {given.reason.name}")
        if given.removed:
            print(f"removed: epoch {given.previous} with its {given.removed} records")
        if given.settings:
            print(f"settings {given.settings} are in force")


@provision.command()
def gateway(
    name: Annotated[str, typer.Argument(metavar="ID", help="1 to 32 of a-z, 0-9 and -.")],
    out: Annotated[Path, typer.Option(help="Folder for key, certificate and gateway.toml.")],
    broker: Annotated[str, typer.Option(metavar="HOST[:PORT]", help="The backend's broker.")],
    ca: Annotated[Path, typer.Option(help="Certificate of the authority (PEM).")],
    ca_key: Annotated[
        Path | None, typer.Option(help="Its private key: signs here; without, a request is made.")
    ] = None,
    apn: Annotated[str, typer.Option(help="Access point of the SIM; a modem is used then.")] = "",
    data: Annotated[str, typer.Option(help="The gateway's folder.")] = "/var/lib/dosewire",
) -> None:
    """Make what a gateway needs: key, certificate or request, configuration."""
    from tools import gateway_kit

    with _told("provision", "nothing was written, or run this again"):
        written = gateway_kit.make(out, name, broker, ca, ca_key, apn, data)
    for path in written:
        print(path)
    if ca_key is None:
        print(f"next: have {name}.csr signed, put the certificate to {name}.pem beside it")
    print(f"next: dosewire gateway check --config {written[-1]}")


def retire(
    port: Port,
    path: RegistryPath,
    store: Store = None,
    lost: Lost = "",
    ledger: Annotated[
        Path | None, typer.Option(help="Close the assignment in this ledger of the backend.")
    ] = None,
    by: Annotated[str, typer.Option(metavar="WHO", help="Who says so, for the ledger.")] = "",
    as_json: AsJson = False,
) -> None:
    """Take a dispenser from its patient: refused until all that matters is delivered.

    Its journal stays until `provision --again`, which begins a new epoch with keys of its own.
    """
    from tools import assignment
    from tools import provision as provisioning
    from tools.vault import Vault

    with _told("retire", "nothing was changed, or run this again"):
        if ledger and not by:
            raise ToolError("--ledger needs --by WHO: entries say who made them", Exit.USAGE)
        _is_short(lost)
        hello = provisioning.retire(port, Vault(path), store=store, lost=lost)
        name = hello.device_id.hex()
        closed = assignment.close(ledger, name, by) if ledger else []
    if as_json:
        told = {"dispenser": name, "epoch": hello.epoch, "next": hello.next, "closed": closed}
        print(json.dumps(told))
        return
    print(f"{port}: dispenser {name}, epoch {hello.epoch} is retired at seq {hello.next}")
    for episode in closed:
        print(f"closed: the assignment to {episode}")
    if not ledger:
        print("the assignment is still open: --ledger FILE --by WHO, or `dosewire evidence enter`")
    print(f"next patient: dosewire provision --port {port} --registry {path} --again")


@registry.command()
def export(
    path: RegistryPath,
    out: Annotated[Path, typer.Option(help="Where the backend reads it: plain, mode 0600.")],
    dispenser: Annotated[
        list[str] | None, typer.Option(help="Only this one; may be repeated.")
    ] = None,
) -> None:
    """Write the registry as the backend reads it; whoever holds it can forge every record."""
    from sim.backend import registry as plain
    from tools.vault import Vault

    with _told("registry", "nothing was written"):
        if not path.is_file():
            raise ToolError(f"registry {path}: no such file", Exit.USAGE)
        known = Vault(path).load()
        missing = sorted(set(dispenser or []) - known.dispensers.keys())
        if missing:
            raise ToolError(f"registry {path}: has no {missing[0]}", Exit.USAGE)
        wanted = dispenser or list(known.dispensers)
        plain.save(out, plain.Registry({name: known.dispensers[name] for name in wanted}))
    print(f"{out}: {len(wanted)} dispensers; keep it like a key")


def _is_short(lost: str) -> None:
    if len(lost) > _LONGEST or not lost.isprintable():
        told = f"--lost: at most {_LONGEST} printable characters, and no names"
        raise ToolError(told, Exit.USAGE)


@contextlib.contextmanager
def _told(command: str, interrupted: str) -> Iterator[None]:
    # what goes wrong is one line and a code of its own
    from sim.backend.registry import RegistryError

    try:
        yield
    except ToolError as error:
        _say(command, error)
        raise typer.Exit(int(error.exit)) from error
    except (RegistryError, OSError) as error:
        _say(command, error)
        raise typer.Exit(int(Exit.USAGE)) from error
    except KeyboardInterrupt:
        _say(command, f"interrupted; {interrupted}")
        raise typer.Exit(int(Exit.INTERRUPTED)) from None


def _say(command: str, what: object) -> None:
    print(f"dosewire {command}: {what}", file=sys.stderr)
