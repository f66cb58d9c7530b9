"""Topic aliases (MQTT 5.0, 3.3.2.3.4): a connection carries each topic once, then its number."""

from collections.abc import Mapping

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


class Aliases:
    """Of one connection to a broker that takes so many, as its CONNACK says; 0: none."""

    def __init__(self, most: int = 0) -> None:
        self._most = most
        self._numbers: dict[str, int] = {}

    def publish(self, topic: str, correlation: bytes = b"") -> tuple[str, Properties | None]:
        """Return topic and properties to publish with: in this order, or the connection ends."""
        told = {"CorrelationData": correlation} if correlation else {}
        known = self._numbers.get(topic)
        number = known or len(self._numbers) + 1
        if number > self._most:
            return topic, _properties(told)
        self._numbers[topic] = number
        return "" if known else topic, _properties({**told, "TopicAlias": number})


def _properties(values: Mapping[str, object]) -> Properties | None:
    if not values:
        return None
    made = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(made, name, value)
    return made
