# The USB serial port, shared with the prompt: raw bytes in and out, never blocking for long.
# Ctrl-C is kept away while flash is written, as an interrupted write would be committed half done.
import asyncio
import select
import sys

from micropython import const, kbd_intr

_CTRL_C = b"\x03"
_READ = const(256)  # bytes taken before others have their turn
_CHUNK = const(64)  # one USB packet
_PAUSE_MS = const(20)
_PAUSES = const(100)  # a host that does not read for 2 s loses the frame


class Port:
    def __init__(self):
        self._in = sys.stdin.buffer
        self._out = sys.stdout.buffer
        self._stream = asyncio.StreamReader(self._in)
        self._readable = _poll(self._in, select.POLLIN)
        self._writable = _poll(self._out, select.POLLOUT)
        self.dropped = 0

    def waiting(self):
        return bool(self._readable.poll(0))

    async def read(self):
        # at least one byte. A host escapes 0x03 in frames: a bare one is a tech at the prompt,
        # and what follows it is for the prompt
        byte = await self._stream.read(1)
        data = bytearray(byte)
        while byte and byte != _CTRL_C and len(data) < _READ and self._readable.poll(0):
            byte = self._in.read(1)
            data += byte
        if byte == _CTRL_C:
            raise KeyboardInterrupt
        return data

    async def write(self, frame):
        for start in range(0, len(frame), _CHUNK):
            if not await self._room():
                self.dropped += 1
                return
            self._out.write(frame[start : start + _CHUNK])

    async def _room(self):
        for _ in range(_PAUSES):
            if self._writable.poll(0):
                return True
            await asyncio.sleep_ms(_PAUSE_MS)
        return False


def _poll(stream, event):
    poll = select.poll()
    poll.register(stream, event)
    return poll


class Guard:
    def __init__(self):
        self._depth = 0

    def __enter__(self):
        self.hold()

    def __exit__(self, *error):
        self.release()

    def hold(self):
        kbd_intr(-1)
        self._depth += 1
        try:
            # one that was already under way comes here at the latest
            for _ in range(2):
                pass
        except KeyboardInterrupt:
            self.release()
            raise

    def release(self):
        self._depth -= 1
        if not self._depth:
            kbd_intr(3)
