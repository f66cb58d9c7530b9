"""What a PEM certificate says of itself: whose it is, from when to when it holds.

Read with the decoder that the standard library's `ssl` is tested with, so that the daemon needs no
other library; it looks at the first certificate of the file.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Certificate:
    """Common name and validity, unix seconds."""

    name: str
    begins: float
    ends: float


def read(path: Path) -> Certificate:
    """Return what a certificate says; raises ValueError in one line if it is none."""
    try:
        # private, but there since Python 2.6; without it we say that we cannot tell
        decoded: dict[str, Any] = ssl._ssl._test_decode_cert(str(path))  # type: ignore[attr-defined]
        return Certificate(
            _common_name(decoded.get("subject", ())),
            ssl.cert_time_to_seconds(decoded["notBefore"]),
            ssl.cert_time_to_seconds(decoded["notAfter"]),
        )
    except (AttributeError, KeyError, OSError, ValueError) as error:
        raise ValueError(f"{path}: no certificate that can be read") from error


def _common_name(subject: Any) -> str:
    names = [value for part in subject for key, value in part if key == "commonName"]
    return names[0] if names else ""
