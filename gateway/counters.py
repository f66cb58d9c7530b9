"""What the gateway counts: every name once, with what it means."""

from collections.abc import Iterator

NAMES = {
    # serial line
    "port_opened": "ports opened",
    "port_lost": "ports that vanished, hung or could not be opened",
    "port_busy": "tries to open a port that another program holds",
    "line_garbage": "damaged, cut or oversized frames on the line",
    "foreign_frames": "good frames that make no sense here: an echo, an unknown or late message",
    "bad_messages": "frames whose body is malformed",
    "errors_received": "requests that a dispenser refused",
    "sessions": "sessions begun",
    "reboots": "dispensers that started anew inside a session",
    "prompts_found": "dispensers found at their prompt instead of their firmware",
    "prompts_ended": "dispensers at their prompt that were told to start their firmware",
    "strangers": "serial devices seen that are no dispensers and are left alone",
    "stalls": "reads begun again because records did not come",
    "service_needed": "greetings of dispensers that cannot do their work",
    "records_read": "records received, doubles included",
    "records_spooled": "records committed that the spool did not hold",
    "missing": "ranges of records that a dispenser skipped without a GAP record",
    "chain_breaks": "records whose predecessor tag is not that of the record before",
    "cursor_beyond": "dispensers whose journal ends before what was read from it",
    # spool
    "spool_locked": "transactions refused because another process holds the spool",
    "spool_full": "transactions refused for lack of space",
    "spool_errors": "transactions that failed otherwise; the spool was closed and opened anew",
    "spool_set_aside": "corrupt spools set aside",
    "spool_vanished": "spools whose file was deleted or replaced while they were open",
    "room_made": "records deleted early, though stored, because the spool was full",
    "records_mended": "records in the spool whose bytes did not fit their key, read again",
    "records_pruned": "records deleted below the watermark",
    "records_refused": "records deleted because the backend refused them",
    "records_unusable": "records in the spool that make no message",
    # uplink
    "connects": "connections to the broker",
    "connects_failed": "connections that failed or ended",
    "sessions_resumed": "TLS sessions resumed instead of begun",
    "bytes_on_air": "bytes to and from the broker, IP and TCP headers included",
    "budget_exceeded": "days on which the budget of bytes was exceeded",
    "published": "EVENTS published",
    "published_urgent": "urgent records published before others",
    "published_again": "EVENTS published because they were still not stored",
    "bytes_published": "payload bytes published",
    "questions": "HELLO published: the question for a watermark",
    "pubacks": "publications accepted by the broker",
    "backend_away": "publications that nobody was there to read",
    "broker_refused": "publications refused by the broker",
    "other_uplinks": "connections made another way because the modem's interface gave none",
    # modem
    "modem_sessions": "data sessions of the modem begun",
    "modem_recoveries": "rungs of recovery that the modem's supervisor stepped on",
    # downlink
    "commands": "commands from the backend, kept for a dispenser",
    "commands_answered": "commands that a dispenser answered",
    "commands_refused": "commands not kept because too many waited",
    "pieces_asked": "pieces of releases asked for",
    "releases_refused": "releases that are not what their builder signed, or cannot be checked",
    "commands_expired": "commands that no dispenser took in time",
    "watermarks": "watermarks accepted",
    "downlink_malformed": "messages from the broker that are not what they should be",
    "downlink_unknown": "messages for a dispenser or epoch never seen here",
    "downlink_dropped": "messages dropped because too many waited",
    "watermark_stale": "watermarks older than the one known",
    "watermark_beyond": "watermarks beyond what this gateway knows of",
    "watermark_foreign": "watermarks with a tag that is not that of the record",
    "watermark_restless": "watermarks of a new store or a lower next, too soon after another such",
    "stores_changed": "watermarks of a database created or restored meanwhile",
}


class Counters:
    """Counts since the start of the process."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(NAMES, 0)

    def add(self, name: str, n: int = 1) -> None:
        """Count n more; raises KeyError for a name that is not declared."""
        self._counts[name] += n

    def __getitem__(self, name: str) -> int:
        return self._counts[name]

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return iter(self._counts.items())

    def __str__(self) -> str:
        return " ".join(f"{name}={n}" for name, n in self if n)
