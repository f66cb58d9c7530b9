"""The generator: current, refuses what it cannot say, and its faults are noticed."""

import construct as cs
import pytest

from protocol import codegen


def test_the_checked_in_codec_is_current() -> None:
    assert codegen.TARGET.read_text() == codegen.generate()
    assert codegen.CODES.read_text() == codegen.generate_codes()
    assert "RELATION_WRONG_COMPARTMENT = const(3)" in codegen.generate_codes()


@pytest.mark.parametrize(
    ("field", "named"),
    [
        (cs.Int24ub, "BytesInteger"),
        (cs.Int16ul, "FormatField"),
        (cs.Int8sb, "FormatField"),
        (cs.Float32b, "FormatField"),
        (cs.CString("ascii"), "StringEncoded"),
        (cs.VarInt, "VarInt"),
        (cs.Optional(cs.Int8ub), "Select"),
        (cs.Padding(2), "Padded"),
        (cs.BitStruct("a" / cs.Octet), "Transformed"),
        (cs.Switch(cs.this.x, {}), "Switch"),
        (cs.GreedyRange(cs.Int8ub), "GreedyRange"),
        (cs.Prefixed(cs.Int16ub, cs.GreedyBytes), "Int8ub"),
        (cs.PrefixedArray(cs.Int16ub, cs.Int8ub), "Int8ub"),
        (cs.PrefixedArray(cs.Int8ub, cs.GreedyBytes), "fixed size"),
        (cs.Bytes(cs.this.n), "Bytes"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_it_cannot_express_is_refused_by_name(field: object, named: str) -> None:
    struct = cs.Struct("first" / cs.Int8ub, "odd" / field)
    with pytest.raises(codegen.UnsupportedError, match=rf"(?s)Message\.odd.*{named}"):
        codegen.layout(struct, "Message")


def test_nothing_may_follow_the_rest() -> None:
    struct = cs.Struct("rest" / cs.GreedyBytes, "after" / cs.Int8ub)
    with pytest.raises(codegen.UnsupportedError, match=r"Message\.after"):
        codegen.layout(struct, "Message")


def test_layouts_by_hand() -> None:
    struct = cs.Struct(
        "a" / cs.Int8ub,
        "b" / cs.Int32ub,
        "c" / cs.Prefixed(cs.Int8ub, cs.GreedyBytes),
        "d" / cs.Bytes(3),
        "e" / cs.PrefixedArray(cs.Int8ub, cs.Int16ub),
        "f" / cs.GreedyBytes,
    )
    assert codegen.layout(struct, "M") == (">BL", 1, ">3s", (">H",), 0)
