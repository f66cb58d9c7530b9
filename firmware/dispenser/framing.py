# Frames on the serial line (protocol/framing.py is the host's side); no input or output here.
from binascii import crc32

from micropython import const

from dispenser.wire import MAX_BODY, VERSION

_FLAG = const(0x7E)
_ESCAPE = const(0x7D)
_FLIP = const(0x20)
_HEAD = const(3)
_FCS = const(4)
_LIMIT = const(1031)  # head, longest body, FCS
_REPLY = const(0x08)
_FROM_HOST = const(0x10)


def encode(kind, ref, body):
    # bytes of a frame to the host: every one is the answer to something
    if len(body) > MAX_BODY:
        raise ValueError("body")
    content = bytes((VERSION << 5 | _REPLY, ref, kind)) + body
    content += crc32(content).to_bytes(_FCS, "little")
    content = content.replace(b"\x7d", b"\x7d\x5d")
    return b"\x7e" + content.replace(b"\x7e", b"\x7d\x5e") + b"\x7e"


class Deframer:
    # finds the host's frames in a stream of bytes, whatever else is in it

    def __init__(self):
        self._buffer = bytearray(_LIMIT)
        self._size = 0
        self._escaped = False
        # frames passed over: checksum wrong, too short, too long, not from a host
        self.fcs = self.short = self.long = self.foreign = 0

    def feed(self, data):
        # frames that end in these bytes, as (version, ref, type, body)
        frames = []
        for byte in data:
            if byte == _FLAG:
                frame = self._finish()
                if frame:
                    frames.append(frame)
            elif byte == _ESCAPE:
                self._escaped = True
            else:
                self._add(byte)
        return frames

    def _add(self, byte):
        if self._escaped:
            byte ^= _FLIP
            self._escaped = False
        if self._size < _LIMIT:
            self._buffer[self._size] = byte
        if self._size <= _LIMIT:
            self._size += 1

    def _finish(self):
        size, self._size = self._size, 0
        escaped, self._escaped = self._escaped, False
        if not size:
            return None
        if size > _LIMIT:
            self.long += 1
            return None
        if size < _HEAD + _FCS:
            self.short += 1
            return None
        return None if escaped else self._checked(memoryview(self._buffer)[:size])

    def _checked(self, content):
        if crc32(content[:-_FCS]).to_bytes(_FCS, "little") != bytes(content[-_FCS:]):
            self.fcs += 1
            return None
        head = content[0]
        if not head & _FROM_HOST:
            self.foreign += 1
            return None
        return head >> 5, content[1], content[2], bytes(content[_HEAD:-_FCS])
