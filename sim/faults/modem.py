"""Faults of the gateway's modem, its card and its network."""

from collections.abc import Iterable

from sim.faults.base import Fault, FaultError
from sim.modem.modem import Modem
from sim.world import World

_REBOOTS_EVERY_S = 25.0
_NOT_HERE = 15  # EMM cause "no suitable cells in tracking area", TS 24.301 clause 9.9.3.9


class OfModem(Fault):
    """Hits the first gateway's modem; a world has one if it is asked for."""

    @classmethod
    def parts(cls, _dispensers: Iterable[str], _gateways: Iterable[str]) -> list[str]:
        """Return the part's name."""
        return ["modem"]

    def check(self, world: World) -> None:
        """Raise FaultError if this world has no modem."""
        super().check(world)
        if world.modem is None:
            raise FaultError(f"{self.name}: this world has no modem")

    async def strike(self, world: World) -> None:
        """Begin it."""
        assert world.modem is not None
        self.begin(world.modem.modem)

    async def mend(self, world: World) -> None:
        """End what is left of it."""
        assert world.modem is not None
        self.end(world.modem.modem)

    def begin(self, modem: Modem) -> None:
        """Break it."""
        raise NotImplementedError

    def end(self, modem: Modem) -> None:
        """Undo what is left of it, if anything is."""


class ModemHangs(OfModem):
    """It answers nothing, nothing passes, and a reset over USB does not help."""

    name = "modem_hangs"

    def begin(self, modem: Modem) -> None:
        """Begin."""
        modem.faults.hang = modem.faults.deaf_to_usb = True

    def end(self, modem: Modem) -> None:
        """End."""
        modem.faults.hang = modem.faults.deaf_to_usb = False


class ModemWithoutSim(OfModem):
    """Somebody takes the SIM out."""

    name = "modem_without_sim"

    def begin(self, modem: Modem) -> None:
        """Begin."""
        modem.card.inserted = False
        modem.reset()

    def end(self, modem: Modem) -> None:
        """End."""
        modem.card.inserted = True
        modem.reset()


class ModemDenied(OfModem):
    """The network throws it out and refuses it."""

    name = "modem_denied"

    def begin(self, modem: Modem) -> None:
        """Begin."""
        modem.network.denied = _NOT_HERE
        modem.lose_network()

    def end(self, modem: Modem) -> None:
        """End."""
        modem.network.denied = None


class ModemRestarted(OfModem):
    """It restarts without a word: echo is back, settings and data session are gone."""

    name = "modem_restarted"

    def begin(self, modem: Modem) -> None:
        """Begin."""
        modem.restart_quietly()


class ModemReboots(OfModem):
    """It restarts again and again, until its power is cut."""

    name = "modem_reboots"

    def begin(self, modem: Modem) -> None:
        """Begin."""
        modem.faults.reboot_loop_s = _REBOOTS_EVERY_S
        modem.reset()

    def end(self, modem: Modem) -> None:
        """End."""
        modem.faults.reboot_loop_s = 0.0


class ModemWithoutCoverage(OfModem):
    """It loses its network and finds none."""

    name = "modem_without_coverage"

    def begin(self, modem: Modem) -> None:
        """Begin."""
        modem.network.coverage = False
        modem.lose_network()

    def end(self, modem: Modem) -> None:
        """End."""
        modem.network.coverage = True


MODEM: tuple[type[Fault], ...] = (
    ModemHangs, ModemWithoutSim, ModemDenied, ModemRestarted, ModemReboots, ModemWithoutCoverage,
)  # fmt: skip
