"""Random schema objects for property tests, drawn from the fields' own constructs."""

import dataclasses
from typing import Any, TypeVar

import construct as cs
from construct_typed import DataclassMixin, DataclassStruct, TEnum
from hypothesis import strategies as st

T = TypeVar("T", bound=DataclassMixin)


def objects_of(cls: type[T], **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[T]:
    """Return a strategy for objects of a schema class, edge values included."""
    fields = {
        field.name: fixed.get(field.name, _values(field.metadata["subcon"]))
        for field in dataclasses.fields(cls)
    }
    return st.builds(cls, **fields)


def _values(subcon: Any) -> st.SearchStrategy[Any]:
    while isinstance(subcon, cs.Renamed | cs.Default):
        subcon = subcon.subcon
    if isinstance(subcon, TEnum):
        return st.sampled_from(list(subcon.enum_type))
    if isinstance(subcon, DataclassStruct):
        return objects_of(subcon.dc_type)
    if isinstance(subcon, cs.FormatField):
        top = (1 << 8 * subcon.length) - 1
        return st.one_of(st.sampled_from([0, 1, top - 1, top]), st.integers(0, top))
    if isinstance(subcon, cs.Bytes):
        return st.binary(min_size=subcon.length, max_size=subcon.length)
    if isinstance(subcon, cs.FocusedSeq):
        return st.lists(_values(subcon.subcons[1].subcon.subcon), max_size=8)
    return st.binary(max_size=42)
