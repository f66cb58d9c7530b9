# Replays the vectors on the device codec; runs under MicroPython and CPython.
import binascii
import json
import sys

import wire

TABLES = {"data": "DATA", "to_device": "RX", "to_host": "TX"}
SINGLE = {"record": wire.RECORD, "settings": wire.SETTINGS}


def value_of(value):
    # JSON back to what the codec takes: text is bytes in hex, pairs are tuples
    if isinstance(value, str):
        return binascii.unhexlify(value)
    if isinstance(value, list):
        return [tuple(v) if isinstance(v, list) else v for v in value]
    return value


def replay(path, codes):
    count = 0
    with open(path) as lines:
        for line in lines:
            vector = json.loads(line)
            group, name = vector["group"], vector["name"]
            table = TABLES.get(group)
            layout = getattr(wire, table)[codes[group][name]] if table else SINGLE[name]
            data = binascii.unhexlify(vector["hex"])
            values = [value_of(field[1]) for field in vector["fields"]]
            got, end = wire.unpack(layout, data)
            assert got == values, (line, got)
            assert end == len(data), line
            assert wire.pack(layout, *values) == data, line
            count += 1
    return count


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        codes = json.load(file)
    print(sum(replay(path, codes) for path in sys.argv[2:]))
