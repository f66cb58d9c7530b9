# The beams' self-test: a short pulse once a minute while the lid is closed. A beam that is broken
# now and was not before was reached without the lid; one that stays so, or all of them, is broken.
from micropython import const

from dispenser import codes
from dispenser.inputs import BEAMS, NONE

_ALL = const(0x1E)
_STUCK = const(10)  # tests in a row


class BeamTest:
    # `probe()` gives the broken beams as bits of STATE; `sink` is told tamper(kind, input) and
    # fault(kind, input, value)
    def __init__(self, inputs, probe, sink):
        self._inputs = inputs
        self._probe = probe
        self._sink = sink
        self._before = None  # broken at the last test, None if nobody knows
        self._broken = [0] * (len(BEAMS) + 1)  # tests in a row, by input
        self._blind = False

    def step(self):
        if not self._inputs.dark():
            return
        left = self._inputs.left_broken()
        before = self._before if left is None else left
        mask = self._before = self._probe()
        blind, self._blind = self._blind, mask == _ALL
        if self._blind:
            if not blind:
                self._sink.fault(codes.FAULT_IMPOSSIBLE, NONE, _ALL)
            return
        for index in BEAMS:
            self._judge(index, mask >> index & 1, before is None or before >> index & 1)

    def _judge(self, index, broken, before):
        self._broken[index] = self._broken[index] + 1 if broken else 0
        if self._broken[index] == _STUCK:
            self._sink.fault(codes.FAULT_STUCK, index, _STUCK)
        if broken and not before:
            self._sink.tamper(codes.TAMPER_BEAM_WITHOUT_LID, index)
