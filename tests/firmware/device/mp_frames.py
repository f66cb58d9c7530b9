# Frames both ways. In: lines "encode TYPE REF BODY" and "feed STREAM" in hex ("-" is empty), the
# latter into one deframer. Out: one line each.
import sys
from binascii import hexlify, unhexlify

from dispenser.framing import Deframer, encode

deframer = Deframer()


def text(data):
    return hexlify(data).decode() or "-"


for line in sys.stdin:
    words = line.split()
    if words[0] == "encode":
        body = b"" if words[3] == "-" else unhexlify(words[3])
        print(text(encode(int(words[1]), int(words[2]), body)))
    else:
        frames = deframer.feed(unhexlify(words[1]))
        print(" ".join("%d,%d,%d,%s" % (v, r, k, text(b)) for v, r, k, b in frames) or "-")
