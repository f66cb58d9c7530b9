"""`dosewire gateway`: run the daemon, or check its configuration."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from gateway import config, daemon

_EXAMPLE = """\
configuration (TOML), everything without a default must be there:

  [gateway]
  id = "gw-1"                     # common name of the certificate: a-z, 0-9 and -, at most 32
  data = "/var/lib/dosewire"      # folder of the spool, made if missing

  [[dispenser]]                   # one for every serial port
  port = "/dev/serial/by-id/..."  # absolute; may come and go

  [uplink]                        # MQTT 5 broker, mutual TLS
  host = "broker.example"
  port = 8883
  ca = "/etc/dosewire/ca.pem"     # PEM files: authority, own certificate, own key
  cert = "/etc/dosewire/gw-1.pem"
  key = "/etc/dosewire/gw-1.key"
  keepalive = 1200                # s; default
  confirm_timeout = 300           # s until what is not confirmed is asked for; default
  retry_min = 1                   # s between tries, with jitter; defaults
  retry_max = 60

  [time]
  trust_clock = false             # true: the clock is good though the kernel does not say so
  uncertainty_ms = 1000           # ms, how good, if trusted

exit codes: 0 ended in order, 2 configuration missing or wrong (one line says what)
"""


def main(argv: list[str]) -> int:
    """Run a command line without the program's name; returns the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        settings = config.load(arguments.config)
        tls = config.tls_context(settings)
        config.prepare_data(arguments.config, settings)
    except config.ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    if arguments.command == "check":
        print(_summary(arguments.config, settings))
        return 0
    _log_to_stderr(arguments.log_level)
    asyncio.run(daemon.run(settings, tls))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dosewire gateway",
        description="Reads dispensers on serial ports, keeps their records in a spool, publishes "
        "them over MQTT and prunes what the backend has stored.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="{run,check}")
    run = commands.add_parser("run", help="run until SIGTERM or Ctrl-C")
    check = commands.add_parser("check", help="check the configuration and its files")
    for command in (run, check):
        command.add_argument(
            "--config", type=Path, required=True, metavar="FILE", help="configuration, TOML"
        )
    run.add_argument(
        "--log-level",
        choices=["debug", "info", "warning", "error"],
        default="info",
        help="least severe lines to log (default: info)",
    )
    return parser


def _summary(path: Path, settings: config.Config) -> str:
    ports = ", ".join(entry.port for entry in settings.dispenser)
    uplink = settings.uplink
    return (
        f"{path}: good\n  gateway {settings.gateway.id}, spool {settings.spool}\n"
        f"  dispensers on {ports}\n  broker {uplink.host}:{uplink.port}"
    )


def _log_to_stderr(level: str) -> None:
    logging.basicConfig(
        stream=sys.stderr,
        level=level.upper(),
        format="%(asctime)s %(levelname)s %(message)s",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
