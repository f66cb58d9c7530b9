"""A dispenser's journal as rows of the store, at wall clock times; no code under test."""

import dataclasses
import datetime as dt
import struct
import zoneinfo

from sim.backend.tables import StoredRecord

BASE = 1_704_067_200
UPTIME, RTC, SYNCED = 0, 1, 2
PATIENT, REFILL, TECHNICIAN, BENCH = 0, 1, 2, 3
BOOT, TIME_SET, STATE, HEARTBEAT = 2, 3, 5, 8
LID_OPENED, LID_CLOSED, DOSE, RESPONSE, PROMPT, EXPIRED = 0x20, 0x21, 0x22, 0x24, 0x25, 0x26
REFILL_RECORD = 0x29
ID = "00112233445566aa"


def ms(text: str, zone: str = "UTC") -> int:
    """Unix ms of a wall clock time."""
    at = dt.datetime.fromisoformat(text).replace(tzinfo=zoneinfo.ZoneInfo(zone))
    return round(at.timestamp() * 1000)


@dataclasses.dataclass
class Journal:
    """Writes rows; times are wall clock times of `zone`, or seconds since boot."""

    id: str = ID
    epoch: int = 7
    zone: str = "UTC"
    boot: int = 1
    rows: list[StoredRecord] = dataclasses.field(default_factory=list)
    status: str = "verified"
    late_ms: int = 1000
    next: int = 0

    def write(self, at, kind=DOSE, data=b"\0\1\1\0\0", mode=PATIENT, quality=SYNCED):
        """Append a record; `at` a text, or seconds since boot with quality UPTIME."""
        clock = at * 1000 if quality == UPTIME else ms(at, self.zone) - BASE * 1000
        received = ms("2026-12-31T00:00:00") if quality == UPTIME else clock + BASE * 1000
        seconds, rest = divmod(clock, 1000)
        stamp = quality << 14 | mode << 12 | rest
        head = struct.pack(">IHIHBB", self.next, self.boot, seconds, stamp, kind, len(data))
        row = StoredRecord(
            *(self.id, self.epoch, self.next, self.boot, seconds, stamp, kind, data),
            *(head + data + bytes(8), bytes(8), "gw", (received + self.late_ms) * 1000),
            self.status,
        )
        self.rows.append(row)
        self.next += 1
        return row

    def set(self, at, uncertainty=50, uptime=0, old=None, quality=SYNCED):
        """Append TIME_SET; `old`: what the clock, which had been set, said before."""
        new = ms(at, self.zone) - BASE * 1000
        before, of = (0, UPTIME) if old is None else (ms(old, self.zone) - BASE * 1000, RTC)
        pair = divmod(before, 1000)
        data = struct.pack(">IHIHBIHIB", uptime, 0, *pair, of, *divmod(new, 1000), uncertainty, 1)
        return self.write(at if quality != UPTIME else uptime, TIME_SET, data, quality=quality)

    def dose(self, at, compartment=1, **more):
        return self.write(at, DOSE, struct.pack(">HBBB", 1, compartment, 0, 0), **more)

    def response(self, at, button=2, question=0, prompt=0, corrects=0, **more):
        data = struct.pack(">HBBIB", 1, button, question, prompt, corrects)
        return self.write(at, RESPONSE, data, **more)

    def heartbeat(self, at, source=1, clock_age=0, **more):
        data = struct.pack(">IIHHBBIH", 1, 1, 1, 4500, source, 60, clock_age, 1)
        return self.write(at, HEARTBEAT, data, **more)

    def lid(self, at, **more):
        return self.write(at, LID_OPENED, b"\0\1", **more)

    def close(self, at, **more):
        return self.write(at, LID_CLOSED, struct.pack(">HIB", 1, 5000, 0), **more)

    def possible_refill(self, at):
        return self.write(at, REFILL_RECORD, struct.pack(">HBBB", 1, 3, 4, 7))

    def new_boot(self):
        self.boot += 1
