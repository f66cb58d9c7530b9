"""Topic aliases (MQTT 5.0, 3.3.2.3.4): a connection carries each topic once, then its number."""

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


class Aliases:
    """Of one connection to a broker that takes so many, as its CONNACK says; 0: none."""

    def __init__(self, most: int = 0) -> None:
        self._most = most
        self._known: dict[str, tuple[int, Properties]] = {}

    def publish(self, topic: str, correlation: bytes = b"") -> tuple[str, Properties | None]:
        """Return topic and properties to publish with: in this order, or the connection ends."""
        told = {"CorrelationData": correlation} if correlation else {}
        if topic in self._known:
            number, alone = self._known[topic]
            # made once: to make them takes paho longer than to send them
            return "", _properties(**told, TopicAlias=number) if told else alone
        number = len(self._known) + 1
        if number > self._most:
            return topic, _properties(**told) if told else None
        self._known[topic] = number, _properties(TopicAlias=number)
        return topic, _properties(**told, TopicAlias=number)


def _properties(**values: int | bytes) -> Properties:
    made = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(made, name, value)
    return made
