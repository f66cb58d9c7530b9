"""Run folders doctored where their authors would not look: none passes as what happened."""

import dataclasses
import json

import pytest

from protocol import schema
from sim.ledger import Power
from sim.report import compute
from sim.verify import VerifyError, verify
from tests.sim.runs import EPOCH, START, Run


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


def differences(run):
    return compute(run.folder).differences


def kinds(run):
    return {line.split()[0] for line in differences(run)}


def ledger(run, change):
    """Write the ledger anew: `change` gets an entry and returns it, another one, or None."""
    path = run.folder / "ledger.jsonl"
    entries = [change(json.loads(line)) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries if entry))


def set_later(run, old_quality, step_ms):
    """Append a TIME_SET to d1's journal that moves its clock by a step."""
    d = run.d1
    new = d.now - schema.TIME_BASE * 1000
    old = new - step_ms
    told = (*divmod(d.now - START, 1000), *divmod(old, 1000), old_quality, *divmod(new, 1000))
    d.add("time_set", d.now, schema.TimeSet(*told, 50, schema.TimeSource.gateway))


STORE = {
    "a predecessor tag": ("UPDATE records SET previous = zeroblob(8) WHERE seq = 5", "chain"),
    "a watermark beyond": ("UPDATE streams SET next = next + 5", "watermark"),
    "refused for good": (
        "INSERT INTO refused(dispenser, epoch, seq, raw, previous, reason, gateway, received_at,"
        " open, stored) VALUES ('1111111111111111', 77, 4, x'00', x'00', 'tag', 'gw-1', 0, 0, 1)",
        "refused",
    ),
    "an alarm": (
        "INSERT INTO alarms(id, at, kind, dispenser, epoch, text)"
        " VALUES (1, 1, 'chain_break', 'x', 1, '')",
        "alarm",
    ),
    "a defect": ("INSERT INTO counters VALUES ('internal_errors', 2)", "backend"),
    "stored too early": ("UPDATE records SET stored_at = stored_at - 60000000", "mistimed"),
    "stored too late": ("UPDATE records SET stored_at = stored_at + 86400000000", "mistimed"),
}


@pytest.mark.parametrize("name", STORE)
def test_a_doctored_store(run, name):
    statement, kind = STORE[name]
    run.write().sql(statement)
    report = compute(run.folder)
    told = {line.split()[0] for line in report.differences}
    assert not report.agree
    assert (report.chain == f"{run.d1.id}/{EPOCH}/5") if kind == "chain" else told == {kind}


def test_a_spool_that_was_pruned_too_early(run):
    run.write().sql("DELETE FROM records WHERE seq = 4", file="gateway/spool.db")
    assert kinds(run) == {"pruned"}


HOUR = 3600 * 10**9


def end_after(run, hours):
    """Let the run end so many hours after its first stimulus."""
    run.write()
    first = min(json.loads(x)["t"] for x in (run.folder / "ledger.jsonl").open() if "input" in x)
    end = {"t": first + hours * HOUR, "phase": "calm"}
    with (run.folder / "ledger.jsonl").open("a") as file:
        file.write(json.dumps(end) + "\n")


@pytest.mark.parametrize(("hours", "told"), [(718, {"pruned"}), (724, set())])
def test_what_a_gateway_may_drop_by_age(run, hours, told):
    end_after(run, hours)
    run.sql("DELETE FROM records WHERE seq = 4", file="gateway/spool.db")
    assert kinds(run) & {"pruned"} == told


def test_after_a_month_what_is_young_must_be_held_as_before(run):
    run.d1.now += 2 * 86_400 * 1000
    run.d1.press(2)
    end_after(run, 724)
    run.sql("DELETE FROM records", file="gateway/spool.db")
    pruned = [line for line in differences(run) if line.startswith("pruned")]
    assert pruned and all(line.split()[1].startswith(run.d1.id) for line in pruned)
    assert len(pruned) == 1


def test_a_gateway_told_more_than_is_stored(run):
    run.write().sql("UPDATE watermark SET next = next + 1", file="gateway/spool.db")
    assert kinds(run) == {"watermark"}


def test_a_ledger_without_the_ends_of_the_journals(run):
    run.write()
    ledger(run, lambda entry: None if entry.get("measure") == "journal_next" else entry)
    assert kinds(run) == {"incomplete"}
    # a run that was broken off: what is stored after its ledger's last line is not late
    ledger(run, lambda entry: None if "measure" in entry else entry)
    run.sql("UPDATE records SET stored_at = stored_at + 3600000000")
    assert kinds(run) == {"incomplete"}


def test_a_dispenser_taken_out_of_ledger_and_store(run):
    run.write()
    run.sql("DELETE FROM records WHERE dispenser = ?", run.d2.id)
    run.sql("DELETE FROM streams WHERE dispenser = ?", run.d2.id)
    run.sql("DELETE FROM records WHERE dispenser = ?", run.d2.id, file="gateway/spool.db")
    run.sql("DELETE FROM watermark WHERE dispenser = ?", run.d2.id, file="gateway/spool.db")

    def without(entry):
        if "seed" in entry:
            del entry["dispensers"]["d2"]
        return None if entry.get("dispenser") == "d2" else entry

    ledger(run, without)
    assert [line.split() for line in differences(run)] == [
        ["unexplained", run.d2.id, *("no", "such", "dispenser", "in", "the", "ledger")]
    ]


def test_a_dispenser_that_the_ledger_does_not_introduce_is_one_clear_error(run):
    run.write().report()

    def nameless(entry):
        if "seed" in entry:
            del entry["dispensers"]["d2"]
        return entry

    ledger(run, nameless)
    with pytest.raises(VerifyError, match="tells of d2"):
        verify(run.folder)


@pytest.mark.parametrize("line", [b"[" * 100_000, b"[]", b"7", b"\xff\xfe{"])
def test_a_line_that_is_no_entry_is_one_clear_error(run, line):
    run.write().report()
    with (run.folder / "ledger.jsonl").open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(VerifyError, match="ledger line"):
        verify(run.folder)


def test_a_store_without_a_column_is_one_clear_error(run):
    run.write().report()
    run.sql("ALTER TABLE records DROP COLUMN previous")
    with pytest.raises(VerifyError, match="previous"):
        verify(run.folder)


def test_a_loss_is_not_hidden_by_a_power_cut_that_never_was(run):
    d = run.d1
    at = d.now
    d.press(2)
    del d.rows[-1]
    d.now += 20_000
    d.press(1)
    power = type(d.entries[0])
    cut = [
        power(t=(at + 1 + n) * 10**6, dispenser="d1", power=p) for n, p in enumerate(("cut", "on"))
    ]
    d.entries += cut
    run.write()
    assert kinds(run) == {"wrong"}
    assert "one boot told" in differences(run)[0]


def test_a_boot_counted_though_power_stayed(run):
    run.d1.boot += 1
    run.d1.begin_boot(run.d1.now)
    run.d1.press(1)
    assert {"wrong", "housekeeping"} == kinds(run.write())


def test_a_boot_without_its_boot_record(run):
    del run.d1.rows[run.find("boot", 1)]
    assert [line.split(maxsplit=2)[2] for line in differences(run.write())] == [
        "RESPONSE has no BOOT in its boot"
    ]


def test_a_time_called_synced_that_nothing_set(run):
    del run.d1.rows[run.find("time_set", 1)]
    told = differences(run.write())
    assert told and all("synced before anything set" in line for line in told)


@pytest.mark.parametrize(
    ("quality", "step", "named"),
    [
        (schema.Quality.synced, 200, True),
        (schema.Quality.synced, -201, False),
        (schema.Quality.rtc, 0, False),
    ],
)
def test_a_time_set_that_changes_nothing(run, quality, step, named):
    set_later(run, quality, step)
    assert kinds(run.write()) == ({"housekeeping"} if named else set())


@pytest.mark.parametrize("often", [60, 61])
def test_housekeeping_is_bounded(run, often):
    # two TIME_SETs are there already
    for n in range(often - 2):
        set_later(run, schema.Quality.synced, 300)
        run.d1.rows[-1].t += n
    assert kinds(run.write()) == ({"housekeeping"} if often > 60 else set())


def test_gaps_without_a_loss_of_power(run):
    for n in range(4):
        gap = schema.Gap(2 + n, 2 + n, schema.GapCause.damaged)
        row = dataclasses.replace(run.d1.rows[-1], kind="gap", data=gap)
        run.d1.rows.append(row)
    # three entries of the ledger: on, cut, on
    assert kinds(run.write()) == {"housekeeping"}
    assert "beyond 3" in differences(run)[0]


@pytest.mark.parametrize("mode", [schema.Mode.refill, schema.Mode.technician, schema.Mode.bench])
def test_a_patients_record_in_another_mode(run, mode):
    run.d1.rows[run.find("dose")].mode = mode
    assert [line.split(maxsplit=2)[2] for line in differences(run.write())] == [
        f"DOSE is not the patient's: mode {int(mode)}"
    ]


@pytest.mark.parametrize(("dwell", "named"), [(0, False), (499, False), (501, True)])
def test_a_duration_is_right_to_a_quarter_of_a_second(run, dwell, named):
    # 250 ms true
    run.d1.rows[run.find("dose_end")].data.dwell = dwell
    assert kinds(run.write()) == ({"wrong"} if named else set())


def test_how_far_the_times_are_off_is_told(run):
    for row in run.d1.rows[3:]:
        row.t += 700
    run.write()
    assert compute(run.folder).time_off_ms == {"p50": 0.0, "p99": 700.0, "max": 700.0}


@pytest.mark.parametrize(("hours", "count", "wrong"), [(13, 2, 0), (13, 3, 1), (1, 1, 1)])
def test_more_heartbeats_than_four_a_day_are_named(tmp_path, hours, count, wrong):
    run = Run(tmp_path)
    source = schema.PowerSource(1)
    for n in range(count):
        beat = schema.Heartbeat(21_600 * (n + 1), 90_000, 20, 4_500, source, 61, 40, 90)
        run.d1.add("heartbeat", run.d1.now + n, beat)
    run.d1.now += hours * 3_600_000
    run.d1.press(2)
    run.write()
    found = [line for line in differences(run) if line.startswith("housekeeping")]
    assert len(found) == wrong
    assert all("beyond" in line and "six hours" in line for line in found)


@pytest.mark.parametrize(
    ("skipped", "cuts", "named"), [(0, 0, 0), (1, 0, 1), (1, 1, 0), (0, 1, 1)]
)
def test_boots_that_wrote_nothing_are_counted(tmp_path, skipped, cuts, named):
    run = Run(tmp_path)
    d1 = run.d1
    for _ in range(1 + cuts):  # three seconds of power each, but for the last
        for power, seconds in (("cut", 1), ("on", 3)):
            d1.entries.append(Power(t=d1.now * 10**6, dispenser="d1", power=power))
            d1.now += seconds * 1_000
    d1.boot += 1
    d1.answer = (9, 0)
    d1.begin_boot(d1.now)
    boot = d1.rows[run.find("boot", 2)]
    boot.data = dataclasses.replace(boot.data, skipped=skipped)
    d1.now += 80_000
    d1.press(2)
    run.write()
    assert ["boots of" in line for line in differences(run)] == [True] * named
