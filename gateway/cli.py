"""`dosewire gateway`: run the daemon, ask how it is, set it up."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from gateway import config, credentials
from gateway.resumption import ResumingContext

_EXAMPLE = """\
the shortest configuration (TOML); `dosewire gateway config` explains every key:

  [gateway]
  id = "gw-1"                     # common name of the certificate
  data = "/var/lib/dosewire"      # folder of the spool

  [uplink]                        # MQTT 5 broker, mutual TLS
  host = "broker.example"
  port = 8883
  ca = "/etc/dosewire/ca.pem"     # PEM files: authority, own certificate, own key
  cert = "/etc/dosewire/gw-1.pem"
  key = "/etc/dosewire/gw-1.key"

dispensers are found on USB, or named: [[dispenser]] port = "/dev/..."

exit codes: 0 works or ended in order, 1 something does not work, 2 configuration missing or wrong
(one line says what), 3 the daemon does not answer, 130 interrupted
"""
_CONFIG = Path("/etc/dosewire/gateway.toml")
_LEVELS = ["debug", "info", "warning", "error"]


def main(argv: list[str]) -> int:
    """Run a command line without the program's name; returns the exit code."""
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return command(arguments)
    except config.ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


# ---- commands -----------------------------------------------------------------------------------


def _run(arguments: argparse.Namespace) -> int:
    import asyncio

    from gateway import claim, daemon, logs
    from gateway.metrics import MetricsError

    settings, tls = _load(arguments.config)
    config.prepare_data(arguments.config, settings)
    claim.claim_data(arguments.config, settings)
    logs.to_stderr(arguments.log_level)
    try:
        asyncio.run(daemon.run(settings, tls))
    except MetricsError as error:
        print(f"{arguments.config}: {error}", file=sys.stderr)
        return 2
    return 0


def _check(arguments: argparse.Namespace) -> int:
    settings, _ = _load(arguments.config)
    config.prepare_data(arguments.config, settings)
    ports = [entry.port for entry in settings.dispenser]
    ports += [f"USB {usb}" for usb in sorted(settings.usb)]
    uplink = settings.uplink
    print(
        f"{arguments.config}: good\n  gateway {settings.gateway.id}, spool {settings.spool}\n"
        f"  dispensers on {', '.join(ports)}\n  broker {uplink.host}:{uplink.port}"
    )
    return 0


def _status(arguments: argparse.Namespace) -> int:
    from gateway import note, status

    settings = config.read(arguments.config)
    try:
        state = status.ask(Path(settings.gateway.data))
    except status.NoDaemonError as error:
        print(f"gateway {settings.gateway.id}: {error}; see {status.REMEDY}", file=sys.stderr)
        return 3
    print(json.dumps(state) if arguments.json else note.write(state))
    return 0 if state["works"] else 1


def _doctor(arguments: argparse.Namespace) -> int:
    from gateway import doctor, note

    settings, tls = _load(arguments.config)
    if sys.stderr.isatty():
        print("looking at everything; a silent broker takes 10 s", file=sys.stderr)
    found = [finding._asdict() for finding in doctor.examine(settings, tls)]
    works = all(finding["works"] is not False for finding in found)
    if arguments.json:
        print(json.dumps({"works": works, "findings": found}))
    else:
        print("\n".join([note.verdict(found), *note.findings(found)]))
    return 0 if works else 1


def _spool(arguments: argparse.Namespace) -> int:
    from gateway import contents

    settings = config.read(arguments.config)
    try:
        found = contents.contents(settings.spool)
    except contents.NoSpoolError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(found) if arguments.json else contents.table(found))
    return 0


def _install(arguments: argparse.Namespace) -> int:
    from gateway import install

    return install.main(arguments.prefix, dry_run=arguments.dry_run)


def _explain(_arguments: argparse.Namespace) -> int:
    from gateway import reference

    print(reference.page(), end="")
    return 0


def _load(path: Path) -> tuple[config.Config, ResumingContext]:
    settings = config.load(path)
    return settings, credentials.tls_context(settings)


# ---- words --------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dosewire gateway",
        description="Reads dispensers on serial ports, keeps their records in a spool, publishes "
        "them over MQTT and prunes what the backend has stored.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = _with_config(commands.add_parser("run", help="run until SIGTERM or Ctrl-C"), _run)
    run.add_argument(
        "--log-level",
        choices=_LEVELS,
        default="info",
        help="least severe lines to log (default: info)",
    )
    _with_config(
        commands.add_parser("check", help="check the configuration and its files"), _check
    )
    for name, say, command in (
        ("status", "what works, what does not, since when, what to do", _status),
        ("doctor", "look at everything a gateway needs, the way to the broker too", _doctor),
        ("spool", "what is kept, what the backend has not confirmed", _spool),
    ):
        made = _with_config(commands.add_parser(name, help=say), command)
        made.add_argument("--json", action="store_true", help="print one JSON object")
    commands.add_parser("config", help="explain every key").set_defaults(run=_explain)
    _add_install(commands.add_parser("install", help="set up user, unit, udev rules, folders"))
    return parser


def _with_config(
    made: argparse.ArgumentParser, command: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    made.add_argument(
        "--config",
        type=Path,
        default=_CONFIG,
        metavar="FILE",
        help=f"configuration, TOML (default: {_CONFIG})",
    )
    made.set_defaults(run=command)
    return made


def _add_install(made: argparse.ArgumentParser) -> None:
    made.add_argument("--dry-run", action="store_true", help="say everything, change nothing")
    made.add_argument(
        "--prefix",
        type=Path,
        metavar="ROOT",
        help="put the files below this folder and run no command (for images and packages)",
    )
    made.set_defaults(run=_install)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
