# Decodes bodies with the device codec and prints what it made of them; runs under MicroPython.
import binascii
import json
import sys

import wire


def plain(value):
    if isinstance(value, (bytes, bytearray)):
        return binascii.hexlify(value).decode()
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def verdict(layout, data):
    try:
        values, _ = wire.unpack(layout, data)
    except ValueError:
        return None
    return plain(values)


if __name__ == "__main__":
    with open(sys.argv[1]) as lines:
        for line in lines:
            table, code, data = line.split()
            layout = getattr(wire, table)
            if isinstance(layout, dict):
                layout = layout[int(code)]
            print(json.dumps(verdict(layout, binascii.unhexlify(data[1:]))))
