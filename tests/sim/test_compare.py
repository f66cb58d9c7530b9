"""A doctored store gets the right verdict, and an honest one none."""

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol import schema
from sim.backend import tables
from sim.report import compute
from tests.sim.runs import EPOCH, START, Run

NUMBERS = ("lost", "duplicated", "misordered", "wrong", "mistimed", "unexplained")


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


def verdict(run):
    """Write the run, return its figures that are not 0 and the kinds of all differences."""
    report = run.write().report()
    kinds = {line.split()[0] for line in report.differences}
    return (
        {name: getattr(report, name) for name in NUMBERS if getattr(report, name)},
        kinds,
        report,
    )


def test_an_honest_run_agrees(run):
    figures, kinds, report = verdict(run)
    assert (figures, kinds, report.agree, report.chain) == ({}, set(), True, "verified")
    assert report.stimuli == 2 * len(
        [entry for entry in run.d1.entries if hasattr(entry, "active")]
    )
    # per dispenser: two visits (2 + 4, 2 + 2), three presses, lid + STATE + lid around the cut
    assert report.records_expected == 2 * (6 + 4 + 3 + 3)
    assert report.records_stored == 2 * (6 + 4 + 3 + 3 + 1 + 2 + 2)
    assert report.latency_ms == {"p50": 80.0, "p99": 80.0}
    assert report.peak_heap_bytes == {"d1": 90_000, "d2": 90_000}


def test_a_lost_record(run):
    del run.d1.rows[run.find("dose", 1)]
    figures, _kinds, report = verdict(run)
    assert figures == {"lost": 1}
    assert "d1 DOSE compartment 2" in report.differences[0]
    assert not report.agree


def test_a_lost_tail_is_seen_even_without_stimuli(run):
    run.write()
    last = len(run.d1.rows) - 1
    run.sql("DELETE FROM records WHERE dispenser = ? AND seq = ?", run.d1.id, last)
    report = compute(run.folder)
    assert {line.split()[0] for line in report.differences} == {
        *("lost", "unsent", "incomplete", "watermark")
    }


@pytest.mark.parametrize("kind", ["dose", "response", "lid_closed", "state"])
def test_a_doubled_record(run, kind):
    index = run.find(kind)
    run.d1.rows.insert(index + 1, run.d1.rows[index])
    figures, kinds, report = verdict(run)
    assert (figures, kinds) == ({"duplicated": 1}, {"duplicated"})
    assert f"/{index}" in report.differences[0] or f"/{index + 1}" in report.differences[0]


def test_two_presses_of_one_button_are_no_double(run):
    del run.d1.rows[run.find("response", 1)]
    assert verdict(run)[0] == {"lost": 1}


def test_swapped_records(run):
    a, b = run.find("dose_end", 0), run.find("dose", 1)
    run.d1.rows[a], run.d1.rows[b] = run.d1.rows[b], run.d1.rows[a]
    assert verdict(run)[0] == {"misordered": 1}


def test_the_end_of_a_dose_comes_before_the_closing_lid(run):
    d = run.d1
    opened = d.now
    d.edge("lid", True)
    d.add("lid_opened", d.now, schema.LidOpened(1))
    d.now += 500
    d.edge("beam1", True)
    d.add("dose", d.now, schema.Dose(1, 1, 0, schema.Relation.none))
    d.now += 500
    d.edge("lid", False)
    d.add("lid_closed", d.now, schema.LidClosed(1, d.now - opened, 1))
    d.add("dose_end", d.now, schema.DoseEnd(1, 1, 500, 1))
    assert verdict(run)[0] == {"misordered": 1}


def test_a_wrong_compartment(run):
    index = run.find("dose")
    run.d1.rows[index].data = schema.Dose(1, 3, 0, schema.Relation.none)
    figures, _kinds, report = verdict(run)
    assert figures == {"wrong": 1}
    assert "compartment 1" in report.differences[0] and "compartment 3" in report.differences[0]


@pytest.mark.parametrize("off", [2_000, -2_000, 1_001])
def test_a_wrong_time(run, off):
    run.d1.rows[run.find("dose")].t += off
    figures, _, report = verdict(run)
    assert figures == {"mistimed": 1}
    assert f"{off / 1000:+.3f} s" in report.differences[0]


@pytest.mark.parametrize("off", [900, -900])
def test_a_time_within_a_second_is_right(run, off):
    run.d1.rows[run.find("response", 2)].t += off
    assert verdict(run)[0] == {}


def test_an_extra_record(run):
    run.d1.rows.append(
        dataclasses.replace(run.d1.rows[-1], data=schema.Response(1, 4, 0, 0, 0), t=run.d1.now)
    )
    assert verdict(run)[0] == {"unexplained": 1}


def test_a_press_below_the_debounce_time_must_not_be_there(run):
    run.d1.too_short(2)
    run.d1.add("response", run.d1.now - 310, schema.Response(1, 2, 0, 0, 0))
    assert verdict(run)[0] == {"unexplained": 1}


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("dose_end", schema.DoseEnd(1, 1, 1_900, 1)),
        ("dose_end", schema.DoseEnd(1, 1, 0xFFFFFFFF, 1)),
        ("lid_closed", schema.LidClosed(1, 0, 0)),
    ],
)
def test_a_wrong_duration(run, kind, data):
    run.d1.rows[run.find(kind)].data = data
    assert verdict(run)[0] == {"wrong": 1}


def test_a_guessed_duration_after_a_cut(run):
    run.d1.rows[run.find("lid_closed", 2)].data = schema.LidClosed(1, 7_000, 0)
    assert verdict(run)[0] == {"wrong": 1}


@pytest.mark.parametrize(
    "answer", [schema.Response(1, 3, 1, 0, 0), schema.Response(1, 3, 0, 9, 0)]
)
def test_an_unprompted_response_given_a_question(run, answer):
    run.d1.rows[run.find("response")].data = answer
    assert verdict(run)[0] == {"wrong": 1}


def test_a_missing_state(run):
    del run.d1.rows[run.find("state")]
    assert verdict(run)[0] == {"lost": 1}


def test_an_event_instead_of_a_state(run):
    index = run.find("state")
    run.d1.rows[index] = dataclasses.replace(
        run.d1.rows[index], kind="lid_opened", data=schema.LidOpened(1)
    )
    assert verdict(run)[0] == {"lost": 1, "unexplained": 1}


def test_records_without_time_are_placed_by_the_time_set_of_their_boot(run):
    first = run.find("lid_closed")
    for row in run.d1.rows[: first + 1]:
        row.quality = schema.Quality.uptime
    assert verdict(run)[0] == {"mistimed": first - 2}
    run.folder = run.folder / "placed"
    run.folder.mkdir()
    at = run.d1.rows[first].t + 300
    uptime = at - START
    new = at - schema.TIME_BASE * 1000
    data = schema.TimeSet(
        *divmod(uptime, 1000), *divmod(uptime, 1000), schema.Quality.uptime, *divmod(new, 1000),
        50, schema.TimeSource.gateway,
    )  # fmt: skip
    row = dataclasses.replace(run.d1.rows[first], kind="time_set", data=data, t=at)
    run.d1.rows.insert(first + 1, dataclasses.replace(row, quality=schema.Quality.synced))
    assert verdict(run)[0] == {}


def test_a_drifted_clock_is_put_right_by_old_and_new(run):
    first = run.find("lid_closed")
    for row in run.d1.rows[: first + 1]:
        row.quality, row.t = schema.Quality.rtc, row.t + 7_000
    new = run.d1.rows[first].t - 7_000 + 300 - schema.TIME_BASE * 1000
    data = schema.TimeSet(
        9, 0, *divmod(new + 7_000, 1000), schema.Quality.rtc, *divmod(new, 1000),
        50, schema.TimeSource.gateway,
    )  # fmt: skip
    row = dataclasses.replace(run.d1.rows[first], kind="time_set", data=data)
    run.d1.rows.insert(first + 1, dataclasses.replace(row, quality=schema.Quality.synced))
    assert verdict(run)[0] == {}


def test_within_a_cut_is_undecided_both_ways(run):
    d = run.d1
    d.edge("button4", True)
    d.now += 20
    d.entries.append(type(d.entries[0])(t=d.now * 10**6, dispenser="d1", power="cut"))
    figures, _, report = verdict(run)
    assert (figures, report.undecided) == ({}, 1)
    assert "RESPONSE button 4" in report.undecided_records[0]
    run.folder = run.folder / "there"
    run.folder.mkdir()
    d.add("response", d.now - 20, schema.Response(1, 4, 0, 0, 1))
    assert verdict(run)[0] == {}
    run.folder = run.folder / "twice"
    run.folder.mkdir()
    d.rows.append(d.rows[-1])
    assert verdict(run)[0] == {"duplicated": 1}


def test_a_second_boot_record(run):
    index = run.find("boot", 1)
    run.d1.rows.insert(index + 1, run.d1.rows[index])
    figures, kinds, report = verdict(run)
    assert (figures, kinds, report.agree) == ({}, {"housekeeping"}, False)


def test_a_gap_that_says_trimmed(run):
    gap = schema.Gap(0, 3, schema.GapCause.trimmed)
    run.d1.rows.append(dataclasses.replace(run.d1.rows[-1], kind="gap", data=gap))
    assert verdict(run)[1] == {"housekeeping"}


def test_a_record_moved_to_the_other_dispenser(run):
    run.write()
    top = len(run.d2.rows)
    run.sql(
        "UPDATE records SET dispenser = ?, seq = ? WHERE dispenser = ? AND seq = ?",
        *(run.d2.id, top, run.d1.id, len(run.d1.rows) - 1),
    )
    report = compute(run.folder)
    assert report.chain == f"{run.d2.id}/{EPOCH}/{top}"
    assert report.lost == 1 and not report.agree


COMPLEX = st.lists(
    st.one_of(
        st.tuples(st.just("press"), st.integers(0, 4)),
        st.tuples(st.just("too_short"), st.integers(0, 4)),
        st.tuples(st.just("visit"), *[st.integers(1, 4)] * 2),
        st.tuples(st.just("cut_with_lid_open")),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(day=COMPLEX, data=st.data())
def test_any_day_agrees_and_any_record_left_out_is_lost(tmp_path_factory, day, data):
    run = Run(tmp_path_factory.mktemp("run"))
    for what, *arguments in day:
        getattr(run.d1, what)(*arguments)
    assert verdict(run)[0] == {}
    patient = [
        n for n, row in enumerate(run.d1.rows) if row.kind not in ("epoch", "boot", "time_set")
    ]
    del run.d1.rows[data.draw(st.sampled_from(patient))]
    run.folder = tmp_path_factory.mktemp("doctored")
    assert verdict(run)[0] == {"lost": 1}


def test_the_stores_tables_are_the_backends():
    assert {"records", "forks", "refused"} <= set(tables.metadata.tables)
