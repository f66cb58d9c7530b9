"""Certificates made for one run: its own authority, the broker, the backend, each gateway.

ECDSA on P-256 (FIPS 186-5), X.509 v3 (RFC 5280). The common name is the identity: the broker uses
it as user name and as client id. The authority's key is never written, so nothing can be added.
"""

import dataclasses
import datetime
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from protocol.topics import valid_gateway

BACKEND = "backend"
"""Common name of the backend's certificate; no gateway may have it."""
_BROKER = "broker"
_VALID_FOR = datetime.timedelta(days=398)
# a clock that is behind must not refuse a certificate just made
_VALID_BEFORE = datetime.timedelta(days=1)
_EXPIRED_FOR = datetime.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A certificate and its private key, PEM files."""

    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Pki:
    """What a run's broker, backend and gateways show each other."""

    ca: Path
    broker: Credentials
    backend: Credentials
    gateways: dict[str, Credentials]
    authority: "Authority" = dataclasses.field(repr=False)

    @property
    def crl(self) -> Path:
        """The list of revoked certificates (PEM); there once one was revoked."""
        return self.ca.with_suffix(".crl")

    def reissue(self, gateway: str, *, expired: bool = False) -> None:
        """Give a gateway a new certificate in the place of its own; `expired`: since an hour."""
        self.authority.issue(
            self.gateways[gateway].cert.parent, gateway, ExtendedKeyUsageOID.CLIENT_AUTH,
            expired=expired,
        )  # fmt: skip

    def revoke(self, gateway: str) -> None:
        """Put a gateway's certificate on the list; a broker started from now on refuses it."""
        cert = x509.load_pem_x509_certificate(self.gateways[gateway].cert.read_bytes())
        self.crl.write_bytes(self.authority.revoke(cert.serial_number))


class Authority:
    """Signs certificates as long as the object lives."""

    def __init__(self) -> None:
        self._revoked: list[int] = []
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Dosewire simulation CA")
        self.cert = (
            _unsigned(self._name, self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_ca_usage(), critical=True)
            .add_extension(_own_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def issue(
        self, folder: Path, name: str, usage: ObjectIdentifier, *, expired: bool = False
    ) -> Credentials:
        """Write `name`.pem and `name`.key; the broker's is valid for this machine only."""
        key = ec.generate_private_key(ec.SECP256R1())
        ends = _EXPIRED_FOR if expired else None
        made = _unsigned(_name(name), self._name, key.public_key(), ends)
        made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        made = made.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        made = made.add_extension(_own_key(key.public_key()), critical=False)
        made = made.add_extension(self._issuer_key(), critical=False)
        if usage == ExtendedKeyUsageOID.SERVER_AUTH:
            made = made.add_extension(_loopback(), critical=False)
        credentials = Credentials(folder / f"{name}.pem", folder / f"{name}.key")
        credentials.cert.write_bytes(_pem(made.sign(self._key, hashes.SHA256())))
        _write_secret(credentials.key, key)
        return credentials

    def revoke(self, serial: int) -> bytes:
        """Return the list of all that was revoked, PEM (RFC 5280, section 5)."""
        self._revoked.append(serial)
        now = datetime.datetime.now(datetime.UTC)
        made = x509.CertificateRevocationListBuilder().issuer_name(self._name)
        made = made.last_update(now - _VALID_BEFORE).next_update(now + _VALID_FOR)
        for number in self._revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(now)
            made = made.add_revoked_certificate(entry.build())
        return made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _issuer_key(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())


def make_pki(folder: Path, gateways: list[str]) -> Pki:
    """Make all certificates of a run in `folder`, one client certificate per gateway.

    Raises ValueError for a gateway that is named like the backend or not `[a-z0-9-]{1,32}`.
    """
    for name in gateways:
        if name == BACKEND or not valid_gateway(name):
            raise ValueError(f"gateway {name!r}: must be [a-z0-9-]{{1,32}} and not {BACKEND!r}")
    folder = folder.resolve()
    apart = folder / "gateways"
    apart.mkdir(parents=True, exist_ok=True)
    authority = Authority()
    ca = folder / "ca.pem"
    ca.write_bytes(_pem(authority.cert))
    client = ExtendedKeyUsageOID.CLIENT_AUTH
    return Pki(
        ca=ca,
        broker=authority.issue(folder, _BROKER, ExtendedKeyUsageOID.SERVER_AUTH),
        backend=authority.issue(folder, BACKEND, client),
        gateways={name: authority.issue(apart, name, client) for name in gateways},
        authority=authority,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _unsigned(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey,
    expired_for: datetime.timedelta | None = None,
) -> x509.CertificateBuilder:  # fmt: skip
    now = datetime.datetime.now(datetime.UTC)
    ends = now + _VALID_FOR if expired_for is None else now - expired_for
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _VALID_BEFORE)
        .not_valid_after(ends)
    )


def _own_key(key: ec.EllipticCurvePublicKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key)


def _ca_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        key_cert_sign=True,
        crl_sign=True,
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _loopback() -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write_secret(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(pem)
