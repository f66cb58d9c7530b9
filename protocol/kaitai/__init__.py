"""A second description of the bytes, by other means than `protocol.schema`, to check it against.

`dosewire.ksy` (Kaitai Struct) is written by hand; `dosewire.py` is made from it by the Kaitai
compiler; `frames.py` finds the frames it describes.
"""
