"""An honest run folder made by hand: stimuli and, beside them, the records they must become.

Nothing here uses `sim.expected`: the records are written down where the stimulus is.
"""

import dataclasses
import sqlite3

import msgspec
from sqlalchemy import create_engine

from protocol import chain, schema
from protocol.wire import build, tag_of
from sim.backend import tables
from sim.backend.registry import Entry, Registry, save
from sim.ledger import Fault as LedgerFault
from sim.ledger import Ledger, Measure, Meta, Phase, Power, Stimulus
from sim.report import REPORT, compute

START = 1_790_000_000_000  # Unix ms
UNKNOWN = schema.UNKNOWN_DURATION
SECRET = bytes(range(32))
EPOCH = 77


@dataclasses.dataclass
class Row:
    """A record before it is chained; `t` in Unix ms."""

    kind: str
    t: int
    data: object
    quality: schema.Quality = schema.Quality.synced
    boot: int = 1
    at: int = 0
    mode: schema.Mode = schema.Mode.patient

    def untagged(self, seq):
        ms = self.t - schema.TIME_BASE * 1000 if self.quality else self.t - START
        stamp = int(self.quality) << 14 | int(self.mode) << 12 | ms % 1000
        record = schema.Record(
            seq=seq,
            boot=self.boot,
            time=ms // 1000,
            stamp=stamp,
            type=schema.RecordType[self.kind],
            data=build(self.data),
            tag=bytes(8),
        )
        return build(record)[:-8]


class Dispenser:
    """Writes a patient's day into ledger and journal at once."""

    def __init__(self, name, device_id):
        self.name, self.id = name, device_id
        self.entries = [Power(t=START * 10**6, dispenser=name, power="on")]
        self.rows = []
        self.now = START + 5_000
        self.boot = 1
        self.answer = (9, 0)  # button and time of the last one
        uptime = schema.Quality.uptime
        epoch = schema.Epoch(EPOCH, 0, schema.EpochReason(1), bytes(8))
        self.add("epoch", START + 10, epoch, quality=uptime)
        self.begin_boot(START + 11)

    def begin_boot(self, t):
        boot = schema.Boot(schema.ResetCause(1), 0, 0, 1, 0)
        self.add("boot", t, boot, quality=schema.Quality.uptime)
        uptime, new = divmod(t - START, 1000), divmod(t - schema.TIME_BASE * 1000, 1000)
        told = (*uptime, *uptime, schema.Quality.uptime, *new, 50, schema.TimeSource.gateway)
        self.add("time_set", t, schema.TimeSet(*told))

    def edge(self, name, active):
        self.entries.append(
            Stimulus(t=self.now * 10**6, dispenser=self.name, input=name, active=active)
        )

    def add(self, kind, t, data, **more):
        self.rows.append(Row(kind, t, data, boot=self.boot, at=t + 80, **more))

    def press(self, button):
        self.edge(f"button{button}", True)
        corrects = self.answer[0] != button and self.now - self.answer[1] < 10_000
        self.answer = (button, self.now)
        self.add("response", self.now, schema.Response(1, button, 0, 0, int(corrects)))
        self.now += 200
        self.edge(f"button{button}", False)
        self.now += 2_300

    def too_short(self, button):
        self.edge(f"button{button}", True)
        self.now += 10
        self.edge(f"button{button}", False)
        self.now += 300

    def visit(self, *compartments):
        opened = self.now
        self.edge("lid", True)
        self.now += 2
        self.edge("lid", False)
        self.now += 3
        self.edge("lid", True)
        self.add("lid_opened", opened, schema.LidOpened(1))
        self.now += 400
        accesses = {}  # compartment: begin, end, breaks
        for n in compartments:
            self.edge(f"beam{n}", True)
            if n not in accesses:
                self.add("dose", self.now, schema.Dose(1, n, 0, schema.Relation.none))
            began, _, breaks = accesses.get(n, (self.now, 0, 0))
            self.now += 250
            self.edge(f"beam{n}", False)
            accesses[n] = (began, self.now, breaks + 1)
            self.now += 300
        self.edge("lid", False)
        for n, (began, ended, breaks) in sorted(accesses.items()):
            self.add("dose_end", ended, schema.DoseEnd(1, n, ended - began, breaks))
        reached = sum(1 << n - 1 for n in accesses)
        self.add("lid_closed", self.now, schema.LidClosed(1, self.now - opened, reached))
        self.now += 400

    def cut_with_lid_open(self):
        self.edge("lid", True)
        self.add("lid_opened", self.now, schema.LidOpened(1))
        self.now += 1_000
        self.entries.append(Power(t=self.now * 10**6, dispenser=self.name, power="cut"))
        self.now += 1_000
        self.entries.append(Power(t=self.now * 10**6, dispenser=self.name, power="on"))
        self.boot += 1
        self.answer = (9, 0)
        self.begin_boot(self.now + 300)
        self.add("state", self.now + 301, schema.State(1, 1))
        self.now += 5_000
        self.edge("lid", False)
        self.add("lid_closed", self.now, schema.LidClosed(1, UNKNOWN, 0))
        self.now += 400

    def chained(self, seqs=None):
        """Return (seq, raw, previous) of all rows, in journal order."""
        keys = chain.BlockKeys(chain.root_key(SECRET, bytes.fromhex(self.id), EPOCH))
        before, out = schema.FIRST_TAG, []
        for seq, row in enumerate(self.rows):
            untagged = row.untagged(seq)
            raw = untagged + chain.tag(keys[seq >> 8], before, untagged)
            out.append((seq, raw, before, row))
            before = tag_of(raw)
        return out


class Run:
    """Two dispensers; change `d1.rows` before `write` for a doctored, well-chained store."""

    def __init__(self, folder):
        self.folder = folder
        self.d1 = Dispenser("d1", "11" * 8)
        self.d2 = Dispenser("d2", "22" * 8)
        self.faults = []
        for d in (self.d1, self.d2):
            d.visit(1, 2)
            d.press(3)
            d.press(3)
            d.too_short(1)
            d.visit(4)
            d.cut_with_lid_open()
            d.press(0)

    def find(self, kind, nth=0):
        """Index in d1's rows of the nth record of a kind."""
        return [n for n, row in enumerate(self.d1.rows) if row.kind == kind][nth]

    def write(self):
        (self.folder / "gateway").mkdir()
        self._ledger()
        save(
            self.folder / "registry.json",
            Registry(
                {d.id: Entry(SECRET.hex(), [EPOCH]) for d in (self.d1, self.d2)},
            ),
        )
        engine = create_engine(f"sqlite:///{self.folder / 'store.db'}")
        tables.metadata.create_all(engine)
        spool = sqlite3.connect(self.folder / "gateway" / "spool.db")
        spool.execute(
            "CREATE TABLE records(dispenser TEXT, epoch INT, seq INT, previous BLOB, raw BLOB,"
            " received_at INT, PRIMARY KEY(dispenser, epoch, seq, raw)) WITHOUT ROWID"
        )
        spool.execute("CREATE TABLE watermark(dispenser TEXT, epoch INT, next INT)")
        with engine.begin() as store, spool:
            for d in (self.d1, self.d2):
                confirmed = {"dispenser": d.id, "epoch": EPOCH, "next": len(d.rows)}
                more = {"tag": bytes(8), "rev": 1, "gateway": "gw-1"}
                store.execute(tables.streams.insert().values(**confirmed, **more))
                spool.execute("INSERT INTO watermark VALUES(?,?,?)", (*confirmed.values(),))
                for seq, raw, before, row in d.chained():
                    store.execute(
                        tables.records.insert().values(**self._columns(d, raw, before, row))
                    )
                    key = (d.id, EPOCH, seq, before, raw, 0)
                    spool.execute("INSERT INTO records VALUES(?,?,?,?,?,?)", key)
        spool.close()
        engine.dispose()
        return self

    def report(self):
        """Return the report, written to the folder too."""
        found = compute(self.folder)
        (self.folder / REPORT).write_bytes(msgspec.json.encode(found))
        return found

    def sql(self, statement, *values, file="store.db"):
        with sqlite3.connect(self.folder / file) as db:
            return db.execute(statement, values).fetchall()

    def _columns(self, d, raw, before, row):
        record = schema.struct_of(schema.Record).parse(raw)
        return {
            "dispenser": d.id,
            "epoch": EPOCH,
            "seq": record.seq,
            "boot": record.boot,
            "time": record.time,
            "stamp": record.stamp,
            "type": int(record.type),
            "data": record.data,
            "raw": raw,
            "previous": before,
            "gateway": "gw-1",
            "stored_at": row.at * 1000,
            "status": "verified",
        }

    def _ledger(self):
        ledger = Ledger(self.folder / "ledger.jsonl")
        ids = {d.name: d.id for d in (self.d1, self.d2)}
        ledger.append(Meta(t=START * 10**6 - 1, seed=5, dispensers=ids))
        ledger.append(Phase(t=START * 10**6, phase="calm"))
        for d in (self.d1, self.d2):
            for entry in d.entries:
                ledger.append(entry)
            end = {"journal_next": len(d.rows), "peak_heap_bytes": 90_000}
            for name, value in end.items():
                ledger.append(
                    Measure(t=(d.now + 1000) * 10**6, dispenser=d.name, measure=name, value=value)
                )
        for fault in self.faults:
            ledger.append(LedgerFault(t=START * 10**6, **fault))
        ledger.close()
