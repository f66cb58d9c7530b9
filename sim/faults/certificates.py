"""Faults of a gateway's certificate; the broker judges it by the host's clock."""

from sim.faults.base import Fault, OfGateway
from sim.world import World


class CertificateExpired(OfGateway):
    """Its certificate has expired, and a new one comes late."""

    name = "certificate_expired"

    async def strike(self, world: World) -> None:
        """Put an expired one in its place and start it anew."""
        await self._renew(world, expired=True)

    async def mend(self, world: World) -> None:
        """Put a valid one there and start it anew, as a tech would."""
        await self._renew(world, expired=False)

    async def _renew(self, world: World, *, expired: bool) -> None:
        await self.gateway(world).kill()
        world.pki.reissue(self.target, expired=expired)
        await self.gateway(world).start()


class CertificateRevoked(CertificateExpired):
    """Its certificate is on the broker's list of revoked ones; healed, it has another."""

    name = "certificate_revoked"

    async def strike(self, world: World) -> None:
        """Revoke it; the broker is started with the list."""
        world.pki.revoke(self.target)
        await world.renew_broker()


CERTIFICATES: tuple[type[Fault], ...] = (CertificateExpired, CertificateRevoked)
