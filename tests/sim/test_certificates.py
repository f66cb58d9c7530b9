"""What a run's certificates say."""

import ipaddress
import ssl
import subprocess

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sim.certificates import make_pki


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return make_pki(tmp_path_factory.mktemp("pki"), ["gw-1", "broker", "ca"])


def read(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_each_name_is_the_common_name(pki):
    named = {**pki.gateways, "backend": pki.backend, "broker": pki.broker}
    for name, who in named.items():
        (common,) = read(who.cert).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        assert common.value == name


def test_gateways_may_share_names_with_our_files_but_not_files(pki):
    files = [who.cert for who in (*pki.gateways.values(), pki.broker, pki.backend)] + [pki.ca]
    assert len({file.resolve() for file in files}) == len(files)


def test_the_brokers_is_for_this_machine(pki):
    names = read(pki.broker.cert).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("127.0.0.1")]
    assert names.value.get_values_for_type(x509.DNSName) == ["localhost"]


def test_a_clients_cannot_serve_and_the_brokers_cannot_ask(pki):
    usages = [
        read(who.cert).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        for who in (pki.broker, pki.backend, pki.gateways["gw-1"])
    ]
    client = [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert [list(usage) for usage in usages] == [[ExtendedKeyUsageOID.SERVER_AUTH], client, client]


def test_openssl_accepts_the_chain(pki):
    for who, purpose in ((pki.broker, "sslserver"), (pki.backend, "sslclient")):
        command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile"]
        subprocess.run([*command, pki.ca, who.cert], check=True, capture_output=True)


def test_keys_are_for_their_owner_only(pki):
    assert pki.backend.key.stat().st_mode & 0o777 == 0o600
    ssl.create_default_context().load_cert_chain(pki.backend.cert, pki.backend.key)


@pytest.mark.parametrize("name", ["backend", "", "GW", "a b", "a" * 33, "gw/1", "gw+", "gw#"])
def test_other_gateway_names_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match="gateway"):
        make_pki(tmp_path, ["gw-1", name])
