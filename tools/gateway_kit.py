"""What a gateway needs to be somebody: key, certificate or request for one, configuration.

ECDSA on P-256 (FIPS 186-5), PKCS #10 (RFC 2986), X.509 v3 (RFC 5280). The common name is the id:
the broker takes user name and client id from it.
"""

import datetime
import json
import os
import re
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from protocol.topics import valid_gateway
from tools.exits import Exit, ToolError

_VALID_FOR = datetime.timedelta(days=398)
# a clock that is behind must not refuse a certificate just made
_VALID_BEFORE = datetime.timedelta(days=1)
_BROKER = re.compile(r"(?P<host>[A-Za-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?", re.ASCII)
_APN = re.compile(r"[A-Za-z0-9._-]{0,63}", re.ASCII)
_SPOOL = "/var/lib/dosewire"


def make(
    folder: Path,
    gateway: str,
    broker: str,
    ca: Path,
    ca_key: Path | None = None,
    apn: str = "",
    data: str = _SPOOL,
) -> list[Path]:
    """Write key, request, configuration, and with `ca_key` the certificate; returns the files.

    A key that is there already is kept and used. Raises ToolError; nothing is written then.
    """
    where = _checked(gateway, broker, apn)
    authority = _certificate(ca)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths = {name: folder.resolve() / f"{gateway}.{name}" for name in ("key", "csr", "pem")}
        key = _key(paths["key"])
        request = _request(gateway, key)
        written = [paths["key"], paths["csr"]]
        paths["csr"].write_bytes(request.public_bytes(serialization.Encoding.PEM))
        if ca_key:
            signed = _sign(request, authority, _private(ca_key))
            paths["pem"].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
            written.append(paths["pem"])
        beside = folder.resolve() / "ca.pem"
        beside.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
        text = _toml(gateway, where, beside, paths, apn, data)
        configuration = folder.resolve() / "gateway.toml"
        configuration.write_text(text, encoding="utf-8")
        return [*written, beside, configuration]
    except OSError as error:
        raise ToolError(f"{error.filename}: {error.strerror}", Exit.USAGE) from error


def _checked(gateway: str, broker: str, apn: str) -> tuple[str, int]:
    if not valid_gateway(gateway) or gateway == "backend":
        told = "1 to 32 of a-z, 0-9 and -, and not backend"
        raise ToolError(f"gateway {gateway!r}: must be {told}", Exit.USAGE)
    found = _BROKER.fullmatch(broker)
    port = int(found["port"] or 8883) if found else 0
    if not found or not 1 <= port <= 65535:
        raise ToolError(f"broker {broker!r}: must be HOST or HOST:PORT", Exit.USAGE)
    if not _APN.fullmatch(apn):
        raise ToolError(f"APN {apn!r}: letters, digits, dots, as the operator says", Exit.USAGE)
    return found["host"], port


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    if path.exists():
        return _private(path)
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(pem)
    return key


def _private(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        told = "not a private key in PEM without pass phrase"
        raise ToolError(f"{path}: {told}", Exit.USAGE) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ToolError(f"{path}: an elliptic-curve key is needed", Exit.USAGE)
    return key


def _certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise ToolError(f"{path}: {error.strerror}", Exit.USAGE) from error
    except ValueError as error:
        raise ToolError(f"{path}: not a certificate in PEM", Exit.USAGE) from error


def _request(gateway: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateSigningRequest:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, gateway)])
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    return builder.add_extension(usage, critical=False).sign(key, hashes.SHA256())


def _sign(
    request: x509.CertificateSigningRequest,
    authority: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    if key.public_key() != authority.public_key():
        raise ToolError("the authority's key does not fit its certificate", Exit.USAGE)
    now = datetime.datetime.now(datetime.UTC)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    own = x509.SubjectKeyIdentifier.from_public_key(request.public_key())
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    return (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(authority.subject)
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _VALID_BEFORE)
        .not_valid_after(min(now + _VALID_FOR, authority.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=False)
        .add_extension(own, critical=False)
        .add_extension(issuer, critical=False)
        .sign(key, hashes.SHA256())
    )


def _toml(
    gateway: str,
    broker: tuple[str, int],
    ca: Path,
    paths: dict[str, Path],
    apn: str,
    data: str,
) -> str:
    # a JSON string is a TOML basic string
    text = json.dumps
    modem = f"\n[modem]\napn = {text(apn)}\n" if apn else ""
    return (
        f"[gateway]\nid = {text(gateway)}\ndata = {text(data)}\n\n"
        f"[uplink]\nhost = {text(broker[0])}\nport = {broker[1]}\nca = {text(str(ca))}\n"
        f"cert = {text(str(paths['pem']))}\nkey = {text(str(paths['key']))}\n{modem}"
    )
