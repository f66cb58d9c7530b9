# Packs values that do not fit, for every fixed layout; prints the ones let through. MicroPython.
import wire

WIDTH = {"B": 8, "H": 16, "L": 32}


def misfits(form):
    # a fitting value for each field, then one field at a time too big, negative, or of wrong size
    good, bad, size = [], [], ""
    for c in form[1:]:
        if c <= "9":
            size += c
            continue
        n = int(size or 1)
        size = ""
        good.append(bytes(n) if c == "s" else 0)
        bad.append(
            [bytes(n + 1), bytes(n - 1)] if c == "s" else [1 << WIDTH[c], -1, (1 << 64) + 1]
        )
    for at in range(len(good)):
        for value in bad[at]:
            yield good[:at] + [value] + good[at + 1 :]


let_through = 0
tried = 0
for table in (wire.DATA, wire.RX, wire.TX):
    for _code, layout in table.items():
        if not isinstance(layout, str):
            continue
        for values in misfits(layout):
            tried += 1
            try:
                wire.pack(layout, *values)
                let_through += 1
            except ValueError:
                pass
print(tried, let_through)
