"""Fields that a record's data or a message did not have from the first."""

import dataclasses
from typing import Any, TypeVar

from construct import Construct, Default, Renamed

T = TypeVar("T")


def added(subcon: "Construct[T, Any]", before: T, note: str) -> T:
    """Return a field that older senders lack; `before`, of code 0, is what they meant."""
    # csfield() would keep a Default out of the constructor
    metadata = {"subcon": Renamed(Default(subcon, before), newdocs=note)}
    field: T = dataclasses.field(default=before, metadata=metadata)
    return field
