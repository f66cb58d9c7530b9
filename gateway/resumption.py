"""TLS session resumption (RFC 8446, 2.2): a reconnect costs half the bytes.

Python offers no hook for clients of `wrap_socket` that know nothing of sessions, such as paho.
"""

import socket
import ssl
from pathlib import Path
from typing import Any


class ResumingContext(ssl.SSLContext):
    """Offers the last session it was told to remember to every new connection."""

    session: ssl.SSLSession | None = None
    files: tuple[str, str, str] | None = None
    _loaded: tuple[int, ...] = ()

    def reload(self) -> None:
        """Load authority, certificate and key again if their files changed: they were renewed.

        Raises OSError or ssl.SSLError if they cannot be loaded.
        """
        if self.files is None:
            return
        ca, cert, key = self.files
        stamp = tuple(Path(file).stat().st_mtime_ns for file in self.files)
        if stamp != self._loaded:
            self.load_verify_locations(cafile=ca)
            # a key with a pass phrase would ask on the terminal: the empty one refuses it
            self.load_cert_chain(cert, key, password="")
            # the peer knows the old session by the old certificate
            self._loaded, self.session = stamp, None

    def wrap_socket(self, sock: socket.socket, *args: Any, **more: Any) -> ssl.SSLSocket:
        """Wrap as usual, with the session; the peer may refuse it, the handshake is full then."""
        more.setdefault("session", self.session)
        return super().wrap_socket(sock, *args, **more)

    def remember(self, sock: object) -> bool:
        """Keep a connected socket's session; tell whether the socket itself resumed one.

        To be called after the peer's first bytes: TLS 1.3 sends tickets behind the handshake.
        """
        if not isinstance(sock, ssl.SSLSocket):
            return False
        self.session = sock.session or self.session
        return bool(sock.session_reused)
