# Start-up of the board inside the interpreter
import os
import sys

import bus
import clock
import control
import i2c
import loop
import proxies
import rp2_machine
import vfs
import watchdog
from flash import Flash

_PRIVATE = ("boot", "bus", "clock", "control", "i2c", "at24c32", "ds3231", "flash", "loop", "pins")
_PRIVATE += ("proxies", "rp2_machine", "storage", "timers", "watchdog")

_raw = False


def main(names):
    names.clear()
    names["__name__"] = "__main__"
    _power_up(sys.argv[3:])
    try:
        _run(names)
    except KeyboardInterrupt as error:
        sys.print_exception(error)


def _power_up(arguments):
    # folder, pipes (4), raw, unique id, boot time, reason, block size, blocks, erase time
    global _raw
    folder, unique_id = arguments[0], arguments[6]
    numbers = [int(text) for text in arguments[1:6] + arguments[7:]]
    _raw = bool(numbers[4])
    bus.attach(*numbers[:4])
    clock.start(numbers[5])
    watchdog.start(numbers[6])
    i2c.start(folder)
    rp2_machine.start(bytes.fromhex(unique_id))
    bus.drain()
    _install()
    _mount(Flash(folder + "/flash.img", *numbers[7:]))
    _clear()


def _install():
    sys.modules["machine"] = rp2_machine
    sys.modules["micropython"] = proxies.Micropython
    sys.modules["os"] = proxies.Os
    sys.modules["gc"] = proxies.Gc
    loop.start()
    sys.modules["neopixel"] = __import__("neopixel")


def _mount(device):
    # the stock image formats a flash that does not mount
    try:
        system = vfs.VfsLfs2(device, progsize=256)
    except OSError:
        vfs.VfsLfs2.mkfs(device, progsize=256)
        system = vfs.VfsLfs2(device, progsize=256)
    vfs.umount("/")
    vfs.mount(system, "/")


def _clear():
    # the firmware sees none of this, and may use the same module names
    sys.path[:] = ["", ".frozen", "/lib"]
    sys.argv[:] = []
    for name in _PRIVATE:
        sys.modules.pop(name, None)
    loop.measure()


def _run(names):
    # Ctrl-C from here on: an interrupted mount would have formatted the flash
    proxies.kbd_intr(3)
    _execute("boot.py", names)
    bus.send(control.READY)
    if not _raw:
        _execute("main.py", names)


def _execute(path, names):
    try:
        os.stat(path)
    except OSError:
        return
    try:
        execfile(path, names)  # noqa: F821
    except SystemExit:
        watchdog.soft_restart()
    except BaseException as error:
        sys.print_exception(error)
    # on rp2, too, what a file did to Ctrl-C ends with it
    proxies.kbd_intr(3)
