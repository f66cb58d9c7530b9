"""TLS session resumption (RFC 8446, 2.2): a reconnect costs half the bytes.

Python offers no hook for clients of `wrap_socket` that know nothing of sessions, such as paho.
"""

import socket
import ssl
from typing import Any


class ResumingContext(ssl.SSLContext):
    """Offers the last session it was told to remember to every new connection."""

    session: ssl.SSLSession | None = None

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
