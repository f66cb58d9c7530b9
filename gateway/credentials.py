"""The gateway's certificate, key and authorities: files in, a context for mutual TLS out."""

import ssl

from gateway.config import Config, ConfigError, plain
from gateway.resumption import ResumingContext


def tls_context(config: Config) -> ResumingContext:
    """Return the context for mutual TLS >= 1.2.

    Raises ConfigError if a file does not hold what its key says. Dates are not looked at: an
    expired certificate must not stop a gateway from reading its dispensers.
    """
    uplink = config.uplink
    context = ResumingContext(ssl.PROTOCOL_TLS_CLIENT)
    context.files = (uplink.ca, uplink.cert, uplink.key)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cafile=uplink.ca)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"{uplink.ca}: uplink.ca must be a file with certificates in PEM ({plain(error)})"
        ) from error
    try:
        # a key with a pass phrase would ask on the terminal: the empty one refuses it
        context.load_cert_chain(uplink.cert, uplink.key, password="")
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"{uplink.cert}, {uplink.key}: uplink.cert and uplink.key must be a certificate "
            f"and its private key in PEM, without pass phrase ({plain(error)})"
        ) from error
    return context
