# Ctrl-C: kept away while flash is written, as an interrupted write would be committed half done.
from micropython import kbd_intr


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
