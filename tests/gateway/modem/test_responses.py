"""Published responses, each to its stated meaning, however the bytes are delivered."""

import random
from typing import Any

import pytest

from gateway.modem.explain import Explained, explain
from gateway.modem.registration import STATES
from tests.gateway.modem.responses import CASES, delivered, published, within

_HARD = {"hard", "desync", "spliced"}


def _plain(parsed: Any) -> Any:
    # the file names the class of one and the same error in two ways, and says of "@" in names
    # that either reading (of the modem's character set) is right
    if isinstance(parsed, dict):
        return {key: _plain_class(key, value) for key, value in parsed.items()}
    return [_plain(one) for one in parsed] if isinstance(parsed, list) else parsed


def _plain_class(key: str, value: Any) -> Any:
    if key == "class":
        return value.strip("+").removesuffix(" ERROR")
    if key in ("long", "short") and value:
        return value.replace("¡", "@")
    return _plain(value)


def _check(case: dict[str, Any], got: Explained) -> None:
    expected = case["expected"]
    assert got.final == expected["final"]
    assert got.info == expected["info_lines"]
    assert got.urc == expected["urc_lines"]
    assert got.echo == expected["echo"]
    assert within(_plain(expected["parsed"]), _plain(got.parsed)), (expected["parsed"], got.parsed)


@published
def test_all_are_there() -> None:
    assert len(CASES) == 209


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_meaning_whole_and_byte_by_byte(case: dict[str, Any]) -> None:
    raw = case["raw_response"].encode("latin-1")
    _check(case, explain(case["command"], [raw]))
    _check(case, explain(case["command"], [raw[i : i + 1] for i in range(len(raw))]))


@pytest.mark.parametrize(("name", "text", "raw"), delivered(), ids=[d[0] for d in delivered()])
def test_cut_anywhere(name: str, text: str | None, raw: bytes) -> None:
    whole = explain(text, [raw])
    for at in range(1, len(raw)):
        assert explain(text, [raw[:at], raw[at:]]) == whole, f"{name} cut at {at}"


@pytest.mark.parametrize(
    ("seed", "count"), [(1, 20_000), pytest.param(2, 100_000, marks=pytest.mark.soak)]
)
def test_mutated_never_hurt(seed: int, count: int) -> None:
    """No exception, no hang, and no figure outside of what its scale can say."""
    dice = random.Random(seed)
    pool = [(text, raw[:400]) for _, text, raw in delivered()]
    print(f"seed {seed}")
    for _ in range(count):
        text, raw = dice.choice(pool)
        mutated = _mutate(dice, bytearray(raw))
        got = explain(text, [mutated])
        for one in got.parsed if isinstance(got.parsed, list) else [got.parsed]:
            assert one is None or _plausible(one), (text, mutated, one)


def _mutate(dice: random.Random, raw: bytearray) -> bytes:
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(raw) + 1)
        kind = dice.randrange(4)
        if kind == 0 and at < len(raw):
            raw[at] = dice.randrange(256)
        elif kind == 1:
            del raw[at : at + dice.randint(1, 5)]
        elif kind == 2:
            raw[at:at] = bytes(dice.choices(b'\r\n,":()0123456789+AF> \x00', k=dice.randint(1, 4)))
        else:
            raw[at:at] = raw[: dice.randrange(min(len(raw), 200) + 1)]
    return bytes(raw)


_RANGES = {
    "rssi": (-130, 31),
    "dbm": (-113, -51),
    "rsrp_dbm": (-156, -31),
    "rsrp": (-156, -31),
    "act": (0, 15),
    "n": (0, 9),
    "mcc": (1, 999),
    "pin1": (0, 10),
    "puk1": (0, 10),
    "cid": (0, 255),
    "lac": (0, 0xFFFFFF),
    "ci": (0, 0xFFFFFFFFF),
}


def _plausible(parsed: dict[str, Any]) -> bool:
    for key, (low, high) in _RANGES.items():
        value = parsed.get(key)
        if isinstance(value, int | float) and not low <= value <= high:
            return False
    if parsed["type"] == "reg":
        known = parsed["stat"] in STATES
        return (parsed["stat_name"] is not None) == known
    if parsed["type"] == "imei":
        return len(parsed["imei"]) == 15 and parsed["imei"].isdigit()
    if parsed["type"] == "cops_test":
        return all(5 <= len(one["numeric"]) <= 7 for one in parsed["networks"])
    return True
