"""Power cuts: what was on flash stays, what was under way is torn, nothing later gets in."""

import random
import time
from collections.abc import Callable

import pytest

from tests.sim.board.bench import Bench

WRITER = """
import os
n = 0
while True:
    n += 1
    with open("new", "wb") as f:
        f.write(b"%06d" % n * 200)
    os.rename("new", "config")
    print("stored", n)
"""

EEPROM = "import machine, time\nbus = machine.I2C(0, sda=machine.Pin(16), scl=machine.Pin(17))\n"


def stored(console: bytes) -> int:
    """The last number the writer has announced."""
    whole = console[: console.rfind(b"\n") + 1]
    numbers = [int(line.split()[1]) for line in whole.splitlines() if line.startswith(b"stored")]
    return numbers[-1] if numbers else 0


@pytest.mark.parametrize("seed", range(8))
def test_a_cut_inside_a_write_leaves_old_or_new(on_bench: Callable[..., None], seed: int) -> None:
    rng = random.Random(seed)

    async def scenario(bench: Bench) -> None:
        bench.install(main=WRITER)
        await bench.board.power_on()
        await bench.printed(b"stored 3\n")
        await bench.board.cut_at(rng.randint(1, 40), rng.randint(0, 256))
        cut = await bench.board.wait_cut()
        assert cut.operation in ("program", "erase")
        assert not bench.board.port.exists()
        known = stored(bench.console)
        kept = bench.read("config")
        assert kept in (b"%06d" % known * 200, b"%06d" % (known + 1) * 200), (seed, cut)
        await bench.board.power_on()
        await bench.board.wait_for(lambda: bench.console.count(b"stored 1\n") == 2)

    on_bench(scenario, off=True)


def test_a_torn_program_holds_exactly_the_bytes_before_the_cut(
    on_bench: Callable[..., None],
) -> None:
    async def scenario(bench: Bench) -> None:
        bench.install(main="with open('f', 'wb') as f:\n    f.write(bytes(range(256)) * 16)\n")
        before = (bench.folder / "flash.img").read_bytes()
        torn = []
        for operation in range(1, 5):
            (bench.folder / "flash.img").write_bytes(before)
            await bench.board.cut_at(operation, 100)
            await bench.board.power_on()
            cut = await bench.board.wait_cut()
            block = (bench.folder / "flash.img").read_bytes()[cut.where * 4096 :][:4096]
            if cut.operation == "program" and block[:100] == bytes(range(100)):
                torn.append(block[100:])
        assert torn[0] == b"\xff" * 3996

    on_bench(scenario, off=True)


def test_a_torn_erase_is_half_a_block(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        bench.install(main="with open('f', 'wb') as f:\n    f.write(bytes(9000))\n")
        before = bytearray((bench.folder / "flash.img").read_bytes())
        for start in range(0, len(before), 4096):  # a used flash: free blocks hold something
            if set(before[start : start + 4096]) == {0xFF}:
                before[start : start + 4096] = bytes(4096)
        torn = 0
        for operation in range(1, 8):
            (bench.folder / "flash.img").write_bytes(before)
            await bench.board.cut_at(operation, 0)
            await bench.board.power_on()
            cut = await bench.board.wait_cut()
            if cut.operation == "erase":
                torn += 1
                block = (bench.folder / "flash.img").read_bytes()[cut.where * 4096 :][:4096]
                assert block == b"\xff" * 2048 + bytes(2048)
        assert torn >= 2

    on_bench(scenario, off=True)


def test_sigkill_loses_nothing_that_was_announced(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        bench.install(main=WRITER)
        for round_ in range(3):
            await bench.board.power_on()
            await bench.board.wait_for(
                lambda: bench.console.count(b"stored 5\n") == round_ + 1  # noqa: B023
            )
            await bench.board.power_cut()
            assert bench.board.state == "off"
            kept = int(bench.read("config")[:6])
            assert kept in (stored(bench.console), stored(bench.console) + 1)

    on_bench(scenario, off=True)


def test_eeprom_keeps_pages_wraps_and_is_torn(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.run(EEPROM + "bus.writeto(0x57, b'\\x01\\x18' + bytes(range(16)))")
        image = (bench.folder / "eeprom.bin").read_bytes()
        assert image[0x118:0x120] == bytes(range(8))  # page 0x100-0x11f ends here
        assert image[0x100:0x108] == bytes(range(8, 16))  # the rest wrapped to its start
        assert image[0x120:] == b"\xff" * (4096 - 0x120)
        says = await bench.run(
            EEPROM + "bus.writeto(0x57, b'\\x02\\x00abc')\n"
            "try:\n    bus.readfrom(0x57, 1)\nexcept OSError as e:\n    print(e.errno)\n"
            "time.sleep_ms(10)\nprint(bus.readfrom_mem(0x57, 0x200, 3, addrsize=16))"
        )
        assert says.split() == ["5", "b'abc'"]  # busy: nobody answers
        await bench.board.cut_at(1, 5)
        write = EEPROM + "bus.writeto(0x57, b'\\x04\\x00' + b'x' * 32)"
        await bench.mpremote("exec", "--no-follow", write, code=None)  # its port may vanish
        assert (await bench.board.wait_cut()).operation == "eeprom"
        assert (bench.folder / "eeprom.bin").read_bytes()[0x400:0x420] == b"xxxxx" + b"\xff" * 27

    on_bench(scenario)


def test_the_clock_runs_on_through_a_cut(on_bench: Callable[..., None]) -> None:
    read = EEPROM + "print(bus.readfrom_mem(0x68, 0, 16).hex())"

    async def scenario(bench: Bench) -> None:
        fresh = bytes.fromhex(await bench.run(read))
        assert fresh[4:7] == b"\x01\x01\x00"  # never set: 2000-01-01, oscillator-stop flag
        assert fresh[15] & 0x80
        await bench.run(EEPROM + "bus.writeto_mem(0x68, 0, bytes.fromhex('58592307310199'))\n"
                        "bus.writeto_mem(0x68, 0x0f, b'\\x00')")  # fmt: skip
        start = time.monotonic()
        await bench.board.power_cut()
        await bench.board.power_on()
        bench.board.rtc_set_offset(bench.board.rtc_offset() + 60)
        after = bytes.fromhex(await bench.run(read))
        passed = time.monotonic() - start + 60
        assert after[4:7] == bytes.fromhex("010299")  # 31 January 2099, 23:59:58, went over
        assert after[3] == 1  # weekday 7 became 1
        seconds = (after[0] >> 4) * 10 + (after[0] & 15) + 60 * (after[1] & 15)
        assert abs(seconds - (passed - 2)) <= 1.5
        assert not after[15] & 0x80
        bench.board.rtc_stop_oscillator()
        assert bytes.fromhex(await bench.run(read))[15] & 0x80
        bench.board.rtc_present(False)
        assert (await bench.run(EEPROM + "print(bus.scan())")).strip() == "[87]"

    on_bench(scenario)


def test_an_erase_takes_the_time_asked_for(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        before = sum(bench.board.wear.values())
        says = await bench.run(
            "import time\nt = time.ticks_ms()\nwith open('f', 'wb') as f:\n"
            "    f.write(bytes(20000))\nprint(time.ticks_diff(time.ticks_ms(), t))"
        )
        erases = sum(bench.board.wear.values()) - before
        assert erases >= 5
        assert 20 * erases <= int(says) <= 20 * erases + 1000

    on_bench(scenario, erase_ms=20)
