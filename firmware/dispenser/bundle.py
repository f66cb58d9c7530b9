# What a release holds and what it runs on, as its manifest says: JSON (protocol/manifest.py). Its
# signature is checked by the host.
import json
import os
from binascii import unhexlify
from hashlib import sha256

from micropython import const

from dispenser import codes, wire

MANIFEST = "manifest.json"
_APP = "dispenser/app.mpy"
_BLOCK = const(4096)
_BLOCKS = const(50)
_INLINE = const(512)  # bytes; littlefs keeps smaller files in their directory
_FOLDER = "dispenser/"
_VERSION = "version"
_MODULE = ".mpy"
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789_/."
_LONGEST = const(60)
_READ = const(1024)


class Unfit(Exception):
    # a release that can never run here
    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason


def parse(file, version, files, board, micropython):
    # (number, path, size, SHA-256) of each file that goes into a slot; Unfit if it runs elsewhere
    try:
        manifest = json.loads(json.load(file)["manifest"])
        if tuple(manifest["version"]) != version or len(manifest["files"]) != files:
            raise Unfit(codes.REFUSED_MALFORMED)
        _check(manifest, board, micropython)
        told = [entry for entry in enumerate(manifest["files"], 1) if _belongs(entry[1])]
        wanted = [_entry(number, entry) for number, entry in told]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unfit(codes.REFUSED_MALFORMED)
    if _APP not in [path for _, path, _, _ in wanted]:
        raise Unfit(codes.REFUSED_MALFORMED)
    if sum([-(-size // _BLOCK) for _, _, size, _ in wanted if size > _INLINE]) > _BLOCKS:
        raise Unfit(codes.REFUSED_SIZE)
    return wanted


def _check(manifest, board, micropython):
    if board not in manifest["boards"]:
        raise Unfit(codes.REFUSED_BOARD)
    if manifest["protocol"] != wire.VERSION:
        raise Unfit(codes.REFUSED_PROTOCOL)
    if tuple([int(part) for part in manifest["micropython"].split(".")]) > micropython:
        raise Unfit(codes.REFUSED_MICROPYTHON)


def _belongs(told):
    # boot.py and main.py are outside of the slots: only a cable brings them
    path = told["path"]
    return path == _VERSION or path.startswith(_FOLDER)


def _entry(number, told):
    path, size, digest = told["path"], told["size"], unhexlify(told["sha256"])
    strange = [letter for letter in path if letter not in _LETTERS]
    whole = 0 < size and len(digest) == 32 and len(path) <= _LONGEST
    whole = whole and (path == _VERSION or path.endswith(_MODULE))
    if strange or ".." in path or "//" in path or not whole:
        raise Unfit(codes.REFUSED_MALFORMED)
    return number, path, size, digest


def matches(path, size, digest):
    # whether the file is what it should be
    try:
        return os.stat(path)[6] == size and digest_of(path) == digest
    except OSError:
        return False


def digest_of(path):
    # SHA-256; OSError if it cannot be read
    hasher = sha256()
    piece = memoryview(bytearray(_READ))
    with open(path, "rb") as file:
        count = file.readinto(piece)
        while count:
            hasher.update(piece[:count])
            count = file.readinto(piece)
    return hasher.digest()
