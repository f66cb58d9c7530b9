"""Makes `docs/asyncapi.json`: the MQTT side for integrators (AsyncAPI 3.0.0)."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from protocol import topics

TARGET = Path(__file__).parent.parent / "docs" / "asyncapi.json"
_PARAMETERS = {
    "gateway": {"description": "Common name of the gateway's certificate, [a-z0-9-]{1,32}"},
    "dispenser": {"description": "Dispenser id, 16 lowercase hex digits"},
}
# name, direction seen from the gateway, QoS, retained, what it is
_CHANNELS = [
    ("hello", "up", 1, False, "HELLO body as received: the question for a watermark"),
    ("events", "up", 1, False, "EVENTS body: contiguous records of one epoch, verbatim"),
    ("watermark", "dn", 0, False, "WATERMARK body: what the backend has stored for good"),
    ("config", "dn", 1, False, "CONFIG_PUT body: a signed command"),
    ("release", "dn", 1, False, "RELEASE_BEGIN body: a signed command"),
    ("seen", "dn", 1, False, "SEEN body: a signed command"),
    ("piece", "dn", 1, False, "Bytes of a release, the answer to `wanted`"),
    ("wanted", "up", 1, False, "Which release the gateway lacks, and from which byte on"),
    ("config-answer", "up", 1, False, "CONFIG body: the dispenser's answer to `config`"),
    ("release-answer", "up", 1, False, "RELEASE_PROGRESS body: its answer to `release`"),
    ("seen-answer", "up", 1, False, "SEEN_NOW body: its answer to `seen`"),
    ("error-answer", "up", 1, False, "ERROR body: it refused the command"),
]
_COMMANDS = ("config", "release", "seen")
_ANSWER = "-answer"
_CORRELATION = {
    "description": "MQTT Correlation Data of an answer: counter of the command, u32 big endian",
    "location": "$message.header#/correlationData",
}


def _message(name: str, text: str) -> dict[str, Any]:
    message: dict[str, Any] = {
        "contentType": "application/octet-stream",
        "summary": text,
        "payload": {"type": "string", "format": "binary", "description": "see protocol.md"},
    }
    if name.endswith(_ANSWER):
        message["correlationId"] = _CORRELATION
    if name in _COMMANDS:
        message["description"] = (
            "The gateway keeps it until the dispenser is in session, for as long as the Message "
            "Expiry Interval says, 7 days without one. PUBACK: it is in the gateway's spool."
        )
    return message


def _channel(kind: str, direction: str, text: str) -> dict[str, Any]:
    build = topics.up if direction == "up" else topics.down
    return {
        "address": build("{gateway}", "{dispenser}", kind.removesuffix(_ANSWER)),
        "parameters": _PARAMETERS,
        "messages": {kind: _message(kind, text)},
    }


def _operation(kind: str, direction: str, qos: int, retained: bool) -> dict[str, Any]:
    # the document speaks for the backend: it receives what goes up
    return {
        "action": "receive" if direction == "up" else "send",
        "channel": {"$ref": f"#/channels/{kind}"},
        "bindings": {"mqtt": {"qos": qos, "retain": retained, "bindingVersion": "0.2.0"}},
    }


def document() -> dict[str, Any]:
    """Return the AsyncAPI document."""
    state = {
        "contentType": "application/json",
        "summary": "Whether the gateway is online; also its last will",
        "payload": {
            "type": "object",
            "properties": {
                "online": {"type": "boolean"},
                "sleeping_until": {"type": "integer", "description": "unix time, s"},
                "modem": {
                    "type": "object",
                    "description": "of a cellular gateway when it came online",
                    "properties": {
                        "technology": {"type": "string"},
                        "signal_dbm": {"type": "number"},
                        "other_uplink": {"type": "boolean"},
                    },
                },
            },
        },
    }
    channels: dict[str, Any] = {
        kind: _channel(kind, direction, text) for kind, direction, _, _, text in _CHANNELS
    }
    channels["state"] = {
        "address": topics.state("{gateway}"),
        "parameters": {"gateway": _PARAMETERS["gateway"]},
        "messages": {"state": state},
    }
    operations = {
        kind: _operation(kind, direction, qos, retained)
        for kind, direction, qos, retained, _ in _CHANNELS
    }
    operations["state"] = _operation("state", "up", 1, True)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Dosewire RTM uplink",
            "version": "1.0.0",
            "description": "Between gateway and backend: MQTT 5, mutual TLS, clean start.",
            "license": {"name": "Apache-2.0"},
        },
        "servers": {
            "broker": {"host": "broker.example:8883", "protocol": "mqtts", "protocolVersion": "5"}
        },
        "channels": channels,
        "operations": operations,
    }


def main(arguments: Iterable[str]) -> int:
    """Write the document; with `--check` only tell whether it is current."""
    text = json.dumps(document(), indent=2) + "\n"
    if "--check" not in arguments:
        TARGET.write_text(text)
        return 0
    if TARGET.exists() and TARGET.read_text() == text:
        return 0
    print("docs/asyncapi.json is stale: run `make generate`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
