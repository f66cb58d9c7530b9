# what the dispenser's modules need of MicroPython's own module, for CPython
def const(value):
    return value
