"""Commands that change a dispenser: counter and MAC, so that only the backend can give them.

`C = HMAC-SHA256(K, "command" || device id)` is a key of its own: the dispenser keeps it, the
gateway never sees it. `mac = HMAC-SHA256(C, device id || type || counter || body)[:16]`; the
body is what follows the MAC in the message. A dispenser accepts a counter greater than the last
accepted.
"""

import hashlib
import hmac

from protocol import schema, wire
from protocol.schema import MAC_SIZE, ConfigPut, MessageType, ReleaseBegin, SeenPut

_COUNTER_LIMIT = 1 << 32


def command_key(secret: bytes, device_id: bytes) -> bytes:
    """Return the key under which the backend signs commands for one dispenser: 32 bytes."""
    return hmac.digest(secret, b"command" + device_id, "sha256")


def command_mac(
    key: bytes, device_id: bytes, kind: MessageType, counter: int, body: bytes
) -> bytes:
    """Return the 16-byte MAC of a command.

    Raises OverflowError if the counter does not fit 32 bits.
    """
    message = device_id + bytes((kind,)) + counter.to_bytes(4, "big") + body
    return hmac.digest(key, message, "sha256")[:MAC_SIZE]


class Signer:
    """Signs commands for one dispenser and keeps their counter.

    The counter goes on from the larger of its own and the one the dispenser last reported, so
    that a restored backend is not locked out.
    """

    def __init__(self, secret: bytes, device_id: bytes, counter: int = 0) -> None:
        self._key = command_key(secret, device_id)
        self._device_id = device_id
        self.counter = counter

    def reported(self, counter: int) -> None:
        """Take note of the last counter the dispenser says it accepted."""
        self.counter = max(self.counter, counter)

    def config_put(self, settings: schema.Settings) -> ConfigPut:
        """Return the command that puts settings in force."""
        body = wire.build(settings)
        counter, mac = self._sign(MessageType.config_put, body)
        return ConfigPut(counter=counter, mac=mac, settings=body)

    def release_begin(
        self, version: tuple[int, int, int], files: int, manifest: bytes
    ) -> ReleaseBegin:
        """Return the command that announces a release of so many files.

        `manifest` is the signed manifest as it stands in the bundle. Raises WireError if there
        are too many files or it is too long.
        """
        digest = hashlib.sha256(manifest).digest()
        begin = ReleaseBegin(0, bytes(MAC_SIZE), *version, files, len(manifest), digest)
        body = wire.build(begin)[4 + MAC_SIZE :]
        begin.counter, begin.mac = self._sign(MessageType.release_begin, body)
        return begin

    def seen(self, epoch: int, following: int) -> SeenPut:
        """Return the command that says which records were seen: all before `following`."""
        body = epoch.to_bytes(4, "big") + following.to_bytes(4, "big")
        counter, mac = self._sign(MessageType.seen, body)
        return SeenPut(counter, mac, epoch, following)

    def _sign(self, kind: MessageType, body: bytes) -> tuple[int, bytes]:
        if self.counter + 1 >= _COUNTER_LIMIT:
            raise wire.WireError("command counter exhausted: provision the dispenser anew")
        self.counter += 1
        return self.counter, command_mac(self._key, self._device_id, kind, self.counter, body)
