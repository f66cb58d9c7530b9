"""The RTC module on the I2C bus, against the calendar of CPython and the datasheets."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta

from tests.sim.board.bench import Bench

BUS = "import machine, time\nbus = machine.I2C(0, sda=machine.Pin(16), scl=machine.Pin(17))\n"
START = datetime(2000, 1, 1)


def bcd(value: int) -> int:
    """Two digits as the chip has them."""
    return value // 10 << 4 | value % 10


def registers(moment: datetime, *, hour12: bool = False) -> bytes:
    """Registers 0-6 for a moment, Maxim DS3231 datasheet figure 1."""
    hour = bcd(moment.hour)
    if hour12:
        hour = 0x40 | (0x20 if moment.hour >= 12 else 0) | bcd((moment.hour - 1) % 12 + 1)
    month = bcd(moment.month) | (0x80 if moment.year >= 2100 else 0)
    date = (moment.isoweekday(), bcd(moment.day), month, bcd(moment.year % 100))
    return bytes((bcd(moment.second), bcd(moment.minute), hour, *date))


def test_any_date_is_kept_and_goes_on(on_bench: Callable[..., None]) -> None:
    rng = random.Random(20)
    cases = []
    for number in range(60):
        moment = START + timedelta(seconds=rng.randrange(100 * 365 * 86400))
        if number % 3 == 0:  # the turn of a day, a month, often of February
            moment = moment.replace(month=2, day=28, hour=23, minute=59, second=59)
        cases.append((moment, number % 2 == 1))

    async def scenario(bench: Bench) -> None:
        writes = [registers(moment, hour12=hour12).hex() for moment, hour12 in cases]
        says = await bench.run(
            BUS + f"for r in {writes}:\n    bus.writeto_mem(0x68, 0, bytes.fromhex(r))\n"
            "    a = bus.readfrom_mem(0x68, 0, 7)\n    bus.writeto_mem(0x68, 0, bytes((0x59,)))\n"
            "    b = bus.readfrom_mem(0x68, 0, 7)\n    print(a.hex(), b.hex())\n"
        )
        lines = says.splitlines()
        for (moment, hour12), line in zip(cases, lines, strict=True):
            minute_end = moment.replace(second=59)
            expected = registers(moment, hour12=hour12), registers(minute_end, hour12=hour12)
            assert line.split() == [half.hex() for half in expected], moment
        says = await bench.run(
            BUS + f"bus.writeto_mem(0x68, 0, bytes.fromhex('{writes[0]}'))\n"
            "time.sleep_ms(1100)\nprint(bus.readfrom_mem(0x68, 0, 7).hex())"
        )
        assert says.strip() == registers(cases[0][0] + timedelta(seconds=1)).hex()

    on_bench(scenario)


def test_the_oscillator_stop_flag_can_be_cleared_but_not_set(
    on_bench: Callable[..., None],
) -> None:
    async def scenario(bench: Bench) -> None:
        says = await bench.run(
            BUS + "for v in (0x88, 0x08, 0x88):\n    bus.writeto_mem(0x68, 15, bytes((v,)))\n"
            "    print(bus.readfrom_mem(0x68, 15, 1)[0])"
        )
        assert says.split() == [str(0x88), str(0x08), str(0x08)]

    on_bench(scenario)


def test_who_is_not_there_does_not_answer(on_bench: Callable[..., None]) -> None:
    read = (
        "for a in (0x57, 0x68, 0x20):\n    try:\n        bus.readfrom(a, 1)\n        print('ok')\n"
        "    except OSError as e:\n        print(e.errno)"
    )

    async def scenario(bench: Bench) -> None:
        assert (await bench.run(BUS + read)).split() == ["ok", "ok", "5"]
        bench.board.eeprom_present(False)
        assert (await bench.run(BUS + read)).split() == ["5", "ok", "5"]
        bench.board.eeprom_present(True)
        other = BUS.replace("16", "20").replace("17", "21")
        assert (await bench.run(other + read)).split() == ["5", "5", "5"]
        bad = "import machine\ntry:\n    machine.I2C(0, sda=machine.Pin(3), scl=machine.Pin(17))\n"
        assert (
            await bench.run(bad + "except ValueError as e:\n    print(e)")
        ).strip() == "bad pin"

    on_bench(scenario)


def test_eeprom_reads_on_over_its_end(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        data = random.Random(4).randbytes(4096)
        (bench.folder / "eeprom.bin").write_bytes(data)
        says = await bench.run(
            BUS + "print(bus.readfrom_mem(0x57, 4090, 20, addrsize=16).hex())\n"
            "print(bus.readfrom(0x57, 4).hex())"
        )
        assert says.split() == [(data[4090:] + data[:14]).hex(), data[14:18].hex()]

    on_bench(scenario)
