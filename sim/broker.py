"""The MQTT broker of a run: the real mosquitto (>= 2.0), mutual TLS, on loopback only.

The broker holds no truth: nothing is persisted, and a stop or a kill loses whatever it held.
Options: mosquitto.conf(5). Its life is tied to ours, so that nothing stays behind.
"""

import asyncio
import os
import shutil
import signal
import socket
import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from protocol.topics import ALL_UP
from sim.certificates import BACKEND, Pki
from sim.child import tied

_HOST = "127.0.0.1"
_READY_WITHIN = 10.0
_STOPPED_WITHIN = 5.0
_TRY_EVERY = 0.02
_PORTS_TRIED = 5
_LOG_LINES = 8
_CONFIG = """\
listener {port} {host}
cafile {pki.ca}
certfile {pki.broker.cert}
keyfile {pki.broker.key}
tls_version tlsv1.2
require_certificate true
use_identity_as_username true
use_username_as_clientid true
allow_anonymous false
acl_file {acl}
persistence false
set_tcp_nodelay true
# a gateway holds at most 64 kB unconfirmed: room for its smallest records
max_queued_messages 10000
log_dest stderr
log_type error
log_type warning
log_type notice
log_type {log_type}
log_timestamp_format %Y-%m-%dT%H:%M:%S
# started as root it would change to a user that may not read the run's folder
user {user}
"""
_GATEWAYS_MAY = """\
pattern write rtm/v1/%u/up/#
pattern read rtm/v1/%u/dn/#

"""
_BACKEND_MAY = f"""\
user {BACKEND}
topic read {ALL_UP}
topic write rtm/v1/+/dn/#
"""


class BrokerError(RuntimeError):
    """mosquitto is missing or did not start; says what it said."""


class Broker:
    """mosquitto for one run; may be stopped or killed and started again on the same port."""

    def __init__(
        self,
        folder: Path,
        pki: Pki,
        port: int | None = None,
        *,
        log_publishes: bool = False,
        hold: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """`hold` keeps virtual time from moving while the process starts or ends."""
        self._port = port
        self._hold = hold
        self.log = folder / "logs" / "mosquitto.log"
        self.refusing = False
        """Whether it lets no gateway publish or hear anything, from its next start on."""
        self.frozen = False
        """Whether it was stopped (SIGSTOP) and not let run on."""
        self._folder = folder
        self._pki = pki
        self._log_type = "all" if log_publishes else "information"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def port(self) -> int:
        """TCP port on 127.0.0.1; raises BrokerError before the first start chose one."""
        if self._port is None:
            raise BrokerError("the broker has no port before its first start")
        return self._port

    @property
    def pid(self) -> int | None:
        """Process id, None while it does not run."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start it and return when it accepts TLS connections.

        Without a port given, a free one is taken and kept. The broker ends with the thread that
        started it. Raises BrokerError with the last lines of its log.
        """
        if self._process is not None:
            raise BrokerError("the broker is running already")
        with self._hold():
            await (self._start_anywhere() if self._port is None else self._start_on(self._port))

    async def _start_anywhere(self) -> None:
        for left in reversed(range(_PORTS_TRIED)):
            port = free_port()
            try:
                await self._start_on(port)
            except BrokerError:
                # somebody else may have taken the free port meanwhile
                if not left or "Address already in use" not in self._last_lines():
                    raise
            else:
                self._port = port
                return

    async def stop(self) -> None:
        """End it in order (SIGTERM), in 5 s at the latest; nothing if it is not running."""
        process, self._process, self.frozen = self._process, None, False
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOPPED_WITHIN)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def kill(self) -> None:
        """End it without warning (SIGKILL); nothing if it is not running."""
        process, self._process, self.frozen = self._process, None, False
        if process is None or process.returncode is not None:
            return
        with self._hold():
            process.kill()
            await process.wait()

    def signal(self, number: int) -> None:
        """Send it a signal; nothing if it is not running."""
        if self._process is not None:
            self._process.send_signal(number)
            if number in (signal.SIGSTOP, signal.SIGCONT):
                self.frozen = number == signal.SIGSTOP

    async def _start_on(self, port: int) -> None:
        config = self._write_config(port)
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *tied([_command("mosquitto"), "-c", str(config)]),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # a Ctrl-C at the terminal is for us to handle, in our order
                start_new_session=True,
            )
        try:
            await asyncio.wait_for(self._accepts(port), _READY_WITHIN)
        except (BrokerError, TimeoutError) as error:
            await self.kill()
            raise BrokerError(
                f"mosquitto did not start on port {port}:\n{self._last_lines()}"
            ) from error
        except BaseException:
            await self.kill()
            raise

    def _write_config(self, port: int) -> Path:
        folder = self._folder.resolve()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        acl = folder / "mosquitto.acl"
        acl.write_text(_BACKEND_MAY if self.refusing else _GATEWAYS_MAY + _BACKEND_MAY)
        acl.chmod(0o600)
        config = folder / "mosquitto.conf"
        user = "root" if os.geteuid() == 0 else "mosquitto"
        text = _CONFIG.format(
            port=port, host=_HOST, pki=self._pki, acl=acl, user=user, log_type=self._log_type
        )
        if self._pki.crl.exists():
            text += f"crlfile {self._pki.crl}\n"
        config.write_text(text)
        return config

    async def _accepts(self, port: int) -> None:
        context = ssl.create_default_context(cafile=str(self._pki.ca))
        context.load_cert_chain(self._pki.backend.cert, self._pki.backend.key)
        while self._process is not None and self._process.returncode is None:
            try:
                _, writer = await asyncio.open_connection(_HOST, port, ssl=context)
            except OSError:
                await asyncio.sleep(_TRY_EVERY)
                continue
            writer.transport.abort()
            # another process may hold the port: ours has ended then
            await asyncio.sleep(_TRY_EVERY)
            if self._process.returncode is None:
                return
        raise BrokerError("mosquitto ended")

    def _last_lines(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-_LOG_LINES:])


def _command(name: str) -> str:
    # Debian keeps daemons in /usr/sbin, which is not on a user's path
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found is None:
        raise BrokerError(f"{name} is not installed: apt-get install {name}")
    return found


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port
