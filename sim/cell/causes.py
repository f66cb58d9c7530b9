"""Why bytes of an MQTT connection over TLS were sent, told from the lengths of its TLS records.

Nothing is decrypted. RFC 8446, 5.1 and 5.2: type, version, length of every record are plain, and
TLS 1.3 adds 17 bytes to what a record carries. MQTT 5.0: a PINGREQ, PINGRESP or DISCONNECT has two
bytes (3.12 to 3.14), a PUBACK four to six (3.4); each packet is a record of its own, since paho
and mosquitto write one after the other. A connection is begun when CONNACK and SUBACK have come.
"""

import enum

_APPLICATION = 23
_ADDED = 17
_PING = 2 + _ADDED
_PUBACK_MOST = 12 + _ADDED
_CONNACK_MOST = 64
_WATERMARK_MOST = 400


class Cause(enum.StrEnum):
    """What bytes were for."""

    HANDSHAKE = "handshake"  # TCP, TLS, CONNECT, SUBSCRIBE, and the end of all that
    KEEPALIVE = "keepalive"
    PUBLISH = "publish"  # records, questions and states, with their acknowledgements
    WATERMARK = "watermark"
    RELEASE = "release"  # whatever long comes down: releases, configurations
    OTHER = "other"  # names, and what is no such connection


class Conversation:
    """The records of one connection, both ways, in the order in which they were sent."""

    def __init__(self) -> None:
        self._answering = False
        self.connected = False
        self._left = {True: 1, False: 1}  # SUBSCRIBE up, SUBACK down

    def judge(self, up: bool, kind: int, length: int) -> Cause:
        """Take the next record of a direction; return what it is for."""
        if not self.connected:
            self._begin(up, kind, length)
            return Cause.HANDSHAKE
        if length == _PING:
            return Cause.KEEPALIVE
        if self._left[up]:
            self._left[up] = 0
            return Cause.HANDSHAKE
        if up or length <= _PUBACK_MOST:
            return Cause.PUBLISH
        return Cause.WATERMARK if length <= _WATERMARK_MOST else Cause.RELEASE

    def _begin(self, up: bool, kind: int, length: int) -> None:
        if kind != _APPLICATION:
            return
        if up:
            self._answering = True
        elif self._answering and length <= _CONNACK_MOST:
            # what comes before from the broker (RFC 8446, 4.6.1: tickets) is longer
            self.connected = True


class Reader:
    """Cuts one direction's bytes into records; `at` is how many bytes were read."""

    def __init__(self, conversation: Conversation, up: bool) -> None:
        self.at = 0
        self.last = Cause.HANDSHAKE
        self._conversation = conversation
        self._up = up
        self._head = bytearray()
        self._left = 0
        self._spans: list[tuple[int, Cause]] = []  # where each ends

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        while data:
            if self._left == 0:
                data = self._begin(data)
                continue
            taken = min(self._left, len(data))
            self._left -= taken
            data = data[taken:]
            self._note(taken)

    def _begin(self, data: bytes) -> bytes:
        taken = data[: 5 - len(self._head)]
        self._head += taken
        if len(self._head) < 5:
            self.at += len(taken)
            return b""
        self._left = int.from_bytes(self._head[3:5], "big")
        self.last = self._conversation.judge(self._up, self._head[0], self._left)
        self._head.clear()
        self._note(len(taken))
        return data[len(taken) :]

    def _note(self, count: int) -> None:
        self.at += count
        if self._spans and self._spans[-1][1] is self.last:
            self._spans[-1] = (self.at, self.last)
        else:
            self._spans.append((self.at, self.last))

    def causes(self, begin: int, end: int) -> list[tuple[Cause, int]]:
        """Return what the bytes from `begin` to before `end` were for, and how many of each.

        A record whose head is not whole is not told of yet.
        """
        found, start = [], 0
        for stop, cause in self._spans:
            count = min(end, stop) - max(begin, start)
            if count > 0:
                found.append((cause, count))
            start = stop
        return found
