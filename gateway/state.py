"""The states of a conversation with a dispenser."""

import enum


class State(enum.Enum):
    """Where the conversation stands."""

    CLOSED = "closed"
    GREETING = "greeting"
    RESUMING = "resuming"
    READING = "reading"
    RESTING = "resting"
