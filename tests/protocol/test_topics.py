"""Topics: built as the design names them, foreign ones refused."""

import pytest

from protocol import topics

ID = "00112233445566ff"


def test_built_as_designed() -> None:
    assert topics.up("gw-1", ID, "events") == f"rtm/v1/gw-1/up/{ID}/events"
    assert topics.down("gw-1", ID, "watermark") == f"rtm/v1/gw-1/dn/{ID}/watermark"
    assert topics.all_down("gw-1") == "rtm/v1/gw-1/dn/#"
    assert topics.state("gw-1") == "rtm/v1/gw-1/up/state"


def test_parsed() -> None:
    topic = topics.parse(f"rtm/v1/gw-1/up/{ID}/hello")
    assert topic == topics.Topic("gw-1", "up", ID, "hello")


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "rtm/v1",
        "rtm/v1/gw-1/up/state",
        f"rtm/v2/gw-1/up/{ID}/hello",
        f"rtm/v1/gw-1/side/{ID}/hello",
        f"rtm/v1/GW/up/{ID}/hello",
        f"rtm/v1/{'g' * 33}/up/{ID}/hello",
        "rtm/v1/gw-1/up/0011/hello",
        f"rtm/v1/gw-1/up/{ID.upper()}/hello",
        f"rtm/v1/gw-1/up/{ID}/hello/more",
    ],
)
def test_foreign_topics_are_refused(topic: str) -> None:
    with pytest.raises(ValueError, match="topic"):
        topics.parse(topic)
