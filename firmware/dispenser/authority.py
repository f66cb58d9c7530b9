# Who may command: the backend signs its commands with a key that only it and the dispenser have,
# and counts them.
from dispenser import codes
from dispenser.mac import Hmac


class Authority:
    # `key` is None without one; `file` keeps the counter of the last command accepted
    def __init__(self, key, device, file):
        self._mac = Hmac(key) if key else None
        self._device = device
        self._file = file
        self.counter = file.counter()

    def signed(self, kind, counter, mac, body):
        # whether the backend made it; `body` is what follows the MAC
        if not self._mac:
            return False
        head = self._device + bytes((kind,)) + counter.to_bytes(4, "big")
        return self._mac.digest(head, body)[: len(mac)] == mac

    def refuses(self, signed, counter):
        # reason, 0 if there is none
        if not signed:
            return codes.REFUSED_MAC
        return 0 if counter > self.counter else codes.REFUSED_COUNTER

    def spend(self, counter):
        # no command with this counter or a lower one is accepted any more
        if counter > self.counter:
            self._file.count(counter)
            self.counter = counter
