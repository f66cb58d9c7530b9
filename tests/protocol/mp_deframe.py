# Finds frames in a stream with the device's deframer and prints them; runs under MicroPython.
import binascii
import sys

from dispenser.framing import Deframer

deframer = Deframer()
with open(sys.argv[1], "rb") as stream:
    while True:
        piece = stream.read(97)
        if not piece:
            break
        for version, ref, kind, body in deframer.feed(piece):
            print(version, ref, kind, binascii.crc32(body))
