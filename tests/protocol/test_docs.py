"""The generated pages: current, complete, and refused when they would name what is not there."""

import dataclasses
import json

import pytest

from protocol import asyncapi, docs, evidence, schema, topics

PAGE = docs.FOLDER / "protocol.md"


def test_current() -> None:
    assert docs.main(["--check"]) == 0
    assert asyncapi.main(["--check"]) == 0


def test_every_record_and_message_type_has_its_table() -> None:
    text = PAGE.read_text()
    for kind in schema.RECORD_DATA:
        assert f"### `{int(kind):02x}` {kind.name} (" in text
    for kind in schema.TO_DEVICE:
        assert f"### `{int(kind):02x}` {kind.name}, to the dispenser" in text
    for kind in schema.TO_HOST:
        assert f"### `{int(kind):02x}` {kind.name}, to the host" in text
    assert "@" not in text


def test_every_record_type_carries_some_evidence_or_housekeeping() -> None:
    named = {path.partition(".")[0] for figure in evidence.FIGURES for path in figure.fields}
    assert {cls.__name__ for cls in schema.RECORD_DATA.values()} <= named


@pytest.mark.parametrize("path", ["Dose.pill", "Nothing.time", "Dose"])
def test_a_field_that_does_not_exist_is_named(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = dataclasses.replace(evidence.FIGURES[0], fields=(path,))
    monkeypatch.setattr(evidence, "FIGURES", (wrong,))
    with pytest.raises(evidence.UnknownFieldError, match=path):
        docs.generate()


def test_asyncapi_names_the_real_topics() -> None:
    document = json.loads(asyncapi.TARGET.read_text())
    addresses = {channel["address"] for channel in document["channels"].values()}
    for kind in ("hello", "events"):
        assert topics.up("{gateway}", "{dispenser}", kind) in addresses
    for kind in ("watermark", "config", "release"):
        assert topics.down("{gateway}", "{dispenser}", kind) in addresses
    for operation in document["operations"].values():
        assert operation["channel"]["$ref"].removeprefix("#/channels/") in document["channels"]
