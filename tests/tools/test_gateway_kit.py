"""A gateway's kit: what `dosewire gateway check` accepts, and mistakes in one line."""

import datetime
import ssl
import stat
import tomllib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from typer.testing import CliRunner

from gateway.cli import main as gateway
from tools.app import app
from tools.exits import Exit


def pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture
def authority(tmp_path):
    """Certificate and key of an authority."""
    own = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "an authority")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, own.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(own, hashes.SHA256())
    )
    ca, key = tmp_path / "authority.pem", tmp_path / "authority.key"
    ca.write_bytes(made.public_bytes(Encoding.PEM))
    key.write_bytes(pem(own))
    return ca, key


def provision(*words):
    return CliRunner().invoke(app, ["provision", "gateway", *map(str, words)])


def words(tmp_path, ca, *more):
    return ("gw-7", "--out", tmp_path / "kit", "--broker", "broker.example:8884", "--ca", ca,
            "--data", tmp_path / "spool", *more)  # fmt: skip


def test_the_check_accepts_what_was_made(tmp_path, authority, capsys):
    ca, key = authority
    done = provision(*words(tmp_path, ca, "--ca-key", key, "--apn", "iot.example"))
    assert done.exit_code == 0, done.stderr
    folder = tmp_path / "kit"
    assert stat.S_IMODE((folder / "gw-7.key").stat().st_mode) == 0o600
    told = tomllib.loads((folder / "gateway.toml").read_text())
    assert (told["uplink"]["host"], told["uplink"]["port"]) == ("broker.example", 8884)
    assert told["modem"]["apn"] == "iot.example"
    assert gateway(["check", "--config", str(folder / "gateway.toml")]) == 0
    assert "gateway gw-7" in capsys.readouterr().out
    # what a TLS server would do with it
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(ca))
    context.load_cert_chain(folder / "gw-7.pem", folder / "gw-7.key")
    made = x509.load_pem_x509_certificate((folder / "gw-7.pem").read_bytes())
    made.verify_directly_issued_by(x509.load_pem_x509_certificate(ca.read_bytes()))
    assert made.subject.rfc4514_string() == "CN=gw-7"


def test_without_the_authoritys_key_there_is_a_request(tmp_path, authority):
    done = provision(*words(tmp_path, authority[0]))
    assert done.exit_code == 0
    assert "gw-7.csr signed" in done.stdout
    request = x509.load_pem_x509_csr((tmp_path / "kit" / "gw-7.csr").read_bytes())
    assert request.is_signature_valid and request.subject.rfc4514_string() == "CN=gw-7"
    assert not (tmp_path / "kit" / "gw-7.pem").exists()
    before = (tmp_path / "kit" / "gw-7.key").read_bytes()
    assert provision(*words(tmp_path, authority[0])).exit_code == 0
    assert (tmp_path / "kit" / "gw-7.key").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({0: "GW 7"}, "GW 7"),
        ({0: "backend"}, "backend"),
        ({4: "a b"}, "HOST"),
        ({4: "h:70000"}, "HOST"),
        ({6: "/nowhere/ca.pem"}, "No such file"),
        ({2: "/proc/none"}, "/proc"),
        ({9: "--apn", 10: 'x"y'}, "APN"),
    ],
)
def test_mistakes_are_one_line(tmp_path, authority, change, says):
    given = dict(enumerate(words(tmp_path, authority[0]))) | change
    done = provision(*given.values())
    assert done.exit_code == Exit.USAGE
    (line,) = done.stderr.splitlines()
    assert says in line


def test_a_key_of_another_authority_signs_nothing(tmp_path, authority):
    other = tmp_path / "other.key"
    other.write_bytes(pem(ec.generate_private_key(ec.SECP256R1())))
    done = provision(*words(tmp_path, authority[0], "--ca-key", other))
    assert done.exit_code == Exit.USAGE
    assert "does not fit" in done.stderr
    assert not (tmp_path / "kit" / "gw-7.pem").exists()
