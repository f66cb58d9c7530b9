import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.expected import debounce_ms, expected_records
from sim.ledger import LedgerError, Power, Stimulus

MS = 1_000_000
UNKNOWN = 0xFFFFFFFF
DEBOUNCE = {"lid": 50, "service": 30}
DEBOUNCE |= {f"beam{n}": 30 for n in range(1, 5)} | {f"button{n}": 30 for n in range(5)}


def table(*events):
    """What (ms, input or power, active) after a boot at 0 must become, told briefly."""
    return brief(records(*events))


def records(*events):
    entries = [Power(t=0, dispenser="d1", power="on")]
    for ms, what, *active in events:
        if what in ("on", "off", "cut", "reset", "prompt"):
            entries.append(Power(t=ms * MS, dispenser="d1", power=what))
        else:
            entries.append(Stimulus(t=ms * MS, dispenser="d1", input=what, active=active[0]))
    return expected_records(entries, DEBOUNCE)


def brief(found):
    return [
        (r.kind, *(value for _, value in r.fields), r.t // MS)
        + ((r.duration,) if r.duration is not None else ())
        + ((r.undecided,) if r.undecided else ())
        for r in found
    ]


def test_the_boards_data_gives_the_debounce_times():
    assert debounce_ms() == DEBOUNCE


def test_an_ordinary_dose():
    assert table(
        (10_000, "lid", True),
        (11_000, "beam2", True),
        (11_400, "beam2", False),
        (12_000, "lid", False),
        (13_000, "button3", True),
        (13_200, "button3", False),
    ) == [
        ("lid_opened", 10_000),
        ("dose", 2, 11_000),
        ("dose_end", 2, 1, 11_000 + 400, 400),
        ("lid_closed", 2, 12_000, 2_000),
        ("response", 3, 0, 0, 0, 13_000),
    ]


def test_bounce_becomes_one_record_with_the_first_edges_time():
    bouncy = [(10_000, True), (10_003, False), (10_005, True), (10_011, False), (10_012, True)]
    assert table(*[(t, "lid", on) for t, on in bouncy])[:-1] == [("lid_opened", 10_000)]


def test_a_press_shorter_than_the_debounce_time_is_none():
    assert table((10_000, "button1", True), (10_029, "button1", False)) == []
    assert len(table((10_000, "button1", True), (10_030, "button1", False))) == 1


def test_a_lid_that_only_rattles_is_none():
    assert table((10_000, "lid", True), (10_049, "lid", False)) == []


def test_a_bounce_before_a_real_press_has_no_part_in_it():
    found = table((10_000, "button0", True), (10_005, "button0", False), (10_100, "button0", True))
    assert found == [("response", 0, 0, 0, 0, 10_100)]


def test_beams_do_not_count_with_the_lid_closed():
    assert table((10_000, "beam1", True), (10_500, "beam1", False)) == []


def test_the_closing_lid_ends_a_dose_first():
    found = records((10_000, "lid", True), (11_000, "beam4", True), (12_000, "lid", False))
    assert brief(found) == [
        ("lid_opened", 10_000),
        ("dose", 4, 11_000),
        ("dose_end", 4, 1, 12_000, 1_000),
        ("lid_closed", 8, 12_000, 2_000),
    ]


def test_a_blocked_beam_is_seen_when_the_lid_gives_it_light():
    found = table((10_000, "beam1", True), (11_000, "lid", True), (12_000, "beam1", False))
    assert found == [
        ("lid_opened", 11_000),
        ("dose", 1, 11_050),
        ("dose_end", 1, 1, 12_000, 950, "end"),
        ("refill", 3, 4, 1, 191_050, "end"),
    ]


def test_what_is_active_at_a_boot_is_a_state_and_its_end_has_no_duration():
    found = table(
        (10_000, "lid", True),
        (11_000, "beam3", True),
        (12_000, "button4", True),
        (13_000, "cut"),
        (14_000, "on"),
        (18_000, "button4", False),
        (18_500, "beam3", False),
        (19_000, "lid", False),
    )
    assert found == [
        ("lid_opened", 10_000),
        ("dose", 3, 11_000),
        ("response", 4, 0, 0, 0, 12_000),
        ("state", 1 | 1 << 3 | 1 << 9, 14_000),
        ("dose_end", 3, 1, 18_500, UNKNOWN),
        ("lid_closed", 4, 19_000, UNKNOWN),
    ]


def test_a_state_leaves_out_beams_without_light():
    assert table((10_000, "cut"), (10_500, "beam2", True), (11_000, "on")) == []


def test_what_happens_without_power_is_not_recorded():
    found = table(
        (10_000, "cut"), (10_100, "lid", True), (10_200, "button1", True),
        (10_300, "button1", False), (10_400, "lid", False), (11_000, "on"),
    )  # fmt: skip
    assert found == []


def test_within_debounce_or_write_of_a_cut_is_undecided_but_only_the_last_of_an_input():
    found = table(
        (10_000, "lid", True), (10_840, "lid", False), (10_930, "lid", True),
        (10_940, "button2", True), (11_000, "cut"),
    )  # fmt: skip
    assert found == [
        ("lid_opened", 10_000),
        ("lid_closed", 0, 10_840, 840),
        ("response", 2, 0, 0, 0, 10_940, "cut"),
        ("lid_opened", 10_930, "cut"),
    ]


def test_long_before_a_cut_is_decided():
    assert table((10_000, "button2", True), (10_281, "cut")) == [("response", 2, 0, 0, 0, 10_000)]
    assert table((10_000, "button2", True), (10_279, "cut"))[0][-1] == "cut"


def test_while_booting_is_undecided():
    assert table((1_900, "lid", True))[:-1] == [("lid_opened", 1_900, "boot")]


def test_a_reset_ends_one_boot_and_begins_the_next():
    found = table((10_000, "lid", True), (12_000, "reset"), (16_000, "lid", False))
    assert found == [
        ("lid_opened", 10_000), ("state", 1, 12_000), ("lid_closed", 0, 16_000, UNKNOWN)
    ]  # fmt: skip


def test_nothing_is_recorded_while_a_tech_has_the_prompt():
    found = table(
        (10_000, "lid", True), (12_000, "prompt"), (12_500, "prompt"), (13_000, "button1", True),
        (13_500, "button1", False), (15_000, "reset"), (19_000, "lid", False),
    )  # fmt: skip
    assert found == [
        ("lid_opened", 10_000),
        ("state", 1, 15_000),
        ("lid_closed", 0, 19_000, UNKNOWN),
    ]


@pytest.mark.parametrize("first", [True, False])
def test_an_edge_to_where_the_input_was_is_none(first):
    with pytest.raises(LedgerError, match="no edge"):
        table((10_000, "lid", first), (11_000, "lid", first))


@st.composite
def histories(draw):
    t, powered, events, levels = 0, True, [], {}
    for _ in range(draw(st.integers(0, 60))):
        t += draw(st.one_of(st.integers(1, 400), st.integers(3_000, 5_000)))
        what = draw(st.sampled_from(["lid", "beam1", "beam4", "button0", "power"]))
        if what == "power":
            events.append((t, "cut" if powered else "on"))
            powered = not powered
        else:
            levels[what] = not levels.get(what, False)
            events.append((t, what, levels[what]))
    return events


@settings(max_examples=300)
@given(histories())
def test_any_history_obeys_the_rules(events):
    found = records(*events)
    assert [r.due for r in found] == sorted(r.due for r in found)
    ons = [0, *(t * MS for t, what, *_ in events if what == "on")]
    cuts = [t * MS for t, what, *_ in events if what == "cut"]
    for on, cut in zip(ons, [*cuts, 1 << 62], strict=False):
        boot = [r for r in found if on <= r.t < cut]
        at_cut = [r for r in boot if r.undecided == "cut"]
        assert len({r.input for r in at_cut}) == len(at_cut)
        assert all(r.due + 250 * MS > cut or r.kind == "state" for r in at_cut)
        lid = [r.kind for r in boot if r.input == "lid"]
        assert all(a != b for a, b in itertools.pairwise(lid))
        for n in (1, 4):
            beam = [r.kind for r in boot if r.input == f"beam{n}"]
            assert all(a != b for a, b in itertools.pairwise(beam))
    for off, on in zip(cuts, [*ons[1:], 1 << 62], strict=False):
        assert not [r for r in found if off <= r.t < on]


@pytest.mark.parametrize(
    "impossible", [["on"], ["cut", "cut"], ["cut", "reset"], ["cut", "off"], ["cut", "prompt"]]
)
def test_impossible_power_is_named(impossible):
    with pytest.raises(LedgerError, match="d1: power"):
        records(*((n * 1000, what) for n, what in enumerate(impossible, 1)))


@given(
    st.lists(
        st.tuples(st.sampled_from([f"button{n}" for n in range(5)]), st.integers(31, 500)),
        max_size=30,
    )
)
def test_every_held_press_is_one_response(presses):
    t, edges = 5_000, []
    for button, hold in presses:
        edges += [(t, button, True), (t + hold, button, False)]
        t += hold + 2_500
    found = records(*edges)
    assert [(r.kind, r.fields[0][1]) for r in found] == [
        ("response", int(button[-1])) for button, _ in presses
    ]


def press(button, *times):
    return [edge for t in times for edge in ((t, button, True), (t + 100, button, False))]


def test_repeats_are_one_response_unless_another_button_came_between():
    edges = press("button1", 10_000, 11_500, 13_000, 16_000) + press("button2", 16_900)
    edges += press("button1", 17_500)
    assert table(*sorted(edges)) == [
        ("response", 1, 0, 0, 0, 10_000),
        ("response", 1, 0, 0, 0, 16_000),
        ("response", 2, 1, 0, 0, 16_900),
        ("response", 1, 1, 0, 0, 17_500),
    ]


def test_near_two_seconds_it_is_open_whether_it_is_a_repeat():
    found = table(*press("button1", 10_000, 11_800, 20_000))
    assert found == [
        ("response", 1, 0, 0, 0, 10_000),
        ("response", 1, 0, 0, 0, 11_800, "repeat"),
        ("response", 1, 0, 0, 0, 20_000),
    ]


def test_near_ten_seconds_it_is_open_whether_it_corrects():
    found = table(*press("button1", 10_000), *press("button4", 19_900))
    assert found[1:] == [
        ("response", 4, 0, 0, 0, 19_900, "repeat"),
        ("response", 4, 1, 0, 0, 19_900, "repeat"),
    ]


def reach(n, *times):
    return [edge for t in times for edge in ((t, f"beam{n}", True), (t + 400, f"beam{n}", False))]


def test_breaks_within_a_minute_are_one_access():
    edges = [(10_000, "lid", True), *reach(1, 11_000, 50_000, 150_000), (160_000, "lid", False)]
    assert table(*edges) == [
        ("lid_opened", 10_000),
        ("dose", 1, 11_000),
        ("dose_end", 1, 2, 50_400, 39_400),
        ("dose", 1, 150_000),
        ("dose_end", 1, 1, 150_400, 400),
        ("lid_closed", 1, 160_000, 150_000),
    ]


def test_an_access_under_way_at_a_cut_has_no_end():
    found = table((10_000, "lid", True), *reach(2, 11_000), (15_000, "cut"))
    assert [kind for kind, *_ in found] == ["lid_opened", "dose"]


def test_the_third_compartment_may_be_a_refill():
    edges = [(10_000, "lid", True), *reach(1, 11_000), *reach(2, 12_000), *reach(4, 13_000)]
    found = table(*edges, *reach(3, 14_000), (15_000, "lid", False))
    assert [entry for entry in found if entry[0] == "refill"] == [("refill", 3, 4, 11, 13_000)]
    assert found[-1][:2] == ("lid_closed", 15)


def test_a_lid_open_for_long_may_be_a_refill():
    found = table((10_000, "lid", True), *reach(1, 11_000), (400_000, "lid", False))
    assert ("refill", 3, 4, 1, 190_050) in found
    assert "refill" not in [kind for kind, *_ in table((10_000, "lid", True), (180_000, "cut"))]
