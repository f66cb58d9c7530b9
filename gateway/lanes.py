"""What is urgent, what can wait for company, and what causes no publication at all."""

from collections.abc import Set

from gateway import config
from gateway.gaps import type_of
from protocol.schema import RecordType

MAY_BE_URGENT = (RecordType.response, RecordType.tamper, RecordType.fault)
"""Record types among which urgent ones are looked for."""
_BUTTON_AT = 16
_NEVER_A_CAUSE = {int(RecordType.heartbeat)}


class Lanes:
    """Sorts records; `settings` say from which response on it is urgent."""

    def __init__(self, settings: config.Publishing) -> None:
        self._from_button = settings.urgent_response

    def urgent(self, raw: bytes) -> bool:
        """Tell whether a record goes at once, as an EVENTS of its own."""
        kind = type_of(raw)
        if kind == RecordType.response:
            return len(raw) <= _BUTTON_AT or raw[_BUTTON_AT] >= self._from_button
        return kind in (RecordType.tamper, RecordType.fault)

    def due(self, kinds: Set[int], at: float) -> float:
        """Return when records of these types are to be published: `at`, or with others only."""
        return float("inf") if kinds <= _NEVER_A_CAUSE else at
