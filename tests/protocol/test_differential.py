"""Device codec against host codec: what one accepts the other accepts, with the same values."""

import dataclasses
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from construct_typed import DataclassMixin

from protocol import codegen, schema, vectors, wire
from tests.support import micropython

HERE = Path(__file__).parent
SEED = 3
EACH = 10_000
Case = tuple[str, int, type[DataclassMixin], bytes]

KINDS: list[tuple[str, int, type[DataclassMixin]]] = [
    ("RECORD", 0, schema.Record),
    ("SETTINGS", 0, schema.Settings),
    *(("DATA", int(kind), cls) for kind, cls in schema.RECORD_DATA.items()),
    *(("RX", int(kind), cls) for kind, cls in schema.TO_DEVICE.items()),
    *(("TX", int(kind), cls) for kind, cls in schema.TO_HOST.items()),
]


def _random_cases(rng: random.Random) -> Iterator[Case]:
    for _ in range(EACH):
        table, code, cls = rng.choice(KINDS)
        pattern = [rng.choice([0, 1, 2, 2]) for _ in cls.__dataclass_fields__]
        yield table, code, cls, wire.build(vectors._object(cls, pattern, rng))


def _mutated(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(out))
        what = rng.randrange(4)
        if what == 0:
            del out[at:]
        elif what == 1:
            out[at:at] = rng.randbytes(rng.randint(1, 8))
        elif what == 2:
            del out[at : at + rng.randint(1, 8)]
        elif at < len(out):
            out[at] = rng.choice([0, 0xFF, rng.randrange(256)])
    return bytes(out)


def _host_verdict(cls: type[DataclassMixin], data: bytes) -> object:
    try:
        return [value for _, value in vectors.fields_of(wire.parse(cls, data))]
    except wire.WireError:
        return None


@pytest.mark.parametrize("mutate", [False, True], ids=["random", "mutated"])
@pytest.mark.slow
def test_device_and_host_agree(tmp_path: Path, mutate: bool) -> None:
    rng = random.Random(SEED)
    cases = list(_random_cases(rng))
    if mutate:
        cases = [(t, k, cls, _mutated(rng, data)) for t, k, cls, data in cases]
    file = tmp_path / "cases"
    file.write_text("".join(f"{t} {k} x{data.hex()}\n" for t, k, _, data in cases))
    printed = micropython.run(HERE / "mp_decode.py", str(file)).splitlines()
    accepted = 0
    for (_, _, cls, data), line in zip(cases, printed, strict=True):
        host = _host_verdict(cls, data)
        assert json.loads(line) == host, f"seed {SEED}: {cls.__name__} {data.hex()}"
        accepted += host is not None
    assert accepted > EACH // 4
    if mutate:
        assert accepted < EACH - 1000


FAULTS = {
    "a narrower field": ('33: ">HLB"', '33: ">HHB"'),
    "two fields swapped": ('35: ">HBLB"', '35: ">HLBB"'),
    "little endian": ("struct.pack(form, *values)", 'struct.pack("<" + form[1:], *values)'),
    "an array of the wrong items": ('(">LL",), (">L",)', '(">L",), (">L",)'),
    "prefix not counted": ("start += 1 + size", "start += size"),
    "a missing type": ('    9: ">BH",  # source, battery\n', ""),
    "rest cut": ("values.append(bytes(data[start:]))", "values.append(bytes(data[start:-1]))"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_generated_codec_is_noticed(fault: str) -> None:
    """A test of the tests: each fault must make the check fail."""
    good, bad = FAULTS[fault]
    text = codegen.generate()
    assert text.count(good) >= 1, "the fault does not apply any more"
    assert _passes(text)
    assert not _passes(text.replace(good, bad, 1))


def test_values_that_do_not_fit_are_refused_on_the_device(tmp_path: Path) -> None:
    """struct.pack truncates silently under MicroPython, so only there the check can be tested."""
    tried, let_through = map(int, micropython.run(HERE / "mp_ranges.py").split())
    assert tried > 200
    assert let_through == 0
    check = "if struct.unpack(form, out) == tuple(values):"
    (tmp_path / "wire.py").write_text(codegen.generate().replace(check, "if True:"))
    (tmp_path / "mp_ranges.py").write_text((HERE / "mp_ranges.py").read_text())
    tried, let_through = map(int, micropython.run(tmp_path / "mp_ranges.py").split())
    assert let_through > 100


def _passes(text: str) -> bool:
    module: dict[str, object] = {}
    exec(text.replace("from micropython import const", "const = int"), module)
    try:
        for table, code, cls in KINDS:
            layouts = module[table]
            layout = layouts[code] if isinstance(layouts, dict) else layouts
            _check(module, layout, cls)
    except (AssertionError, KeyError):
        return False
    return True


def _check(module: dict[str, object], layout: object, cls: type[DataclassMixin]) -> None:
    pack, unpack = module["pack"], module["unpack"]
    rng = random.Random(SEED)
    for pattern in vectors._patterns(len(cls.__dataclass_fields__)):
        value = vectors._object(cls, pattern, rng)
        data = wire.build(value)
        plain = [_device_value(getattr(value, name)) for name in cls.__dataclass_fields__]
        try:
            got, _ = unpack(layout, data)  # type: ignore[operator]
            assert got == plain
            assert pack(layout, *plain) == data  # type: ignore[operator]
            too_big = [v + (1 << 32) if type(v) is int else v for v in plain]
            assert too_big == plain or _refused(pack, layout, *too_big)
            assert (
                not data
                or cls is schema.Error
                or _refused(unpack, layout, data[: _least(cls) - 1])
            )
        except ValueError as error:
            raise AssertionError from error


def _least(cls: type[DataclassMixin]) -> int:
    """Length of the shortest bytes of a class."""
    rng = random.Random(SEED)
    return len(wire.build(vectors._object(cls, [0] * len(cls.__dataclass_fields__), rng)))


def _refused(function: object, *arguments: object) -> bool:
    try:
        function(*arguments)  # type: ignore[operator]
    except ValueError:
        return True
    return False


def _device_value(value: object) -> object:
    if isinstance(value, list):
        return [v if isinstance(v, int) else dataclasses.astuple(v) for v in value]
    return value if isinstance(value, bytes) else int(value)  # type: ignore[call-overload]
