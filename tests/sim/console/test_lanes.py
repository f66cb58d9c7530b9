"""The way of each record as a table, and a light as a screen shows it."""

from sim.console.device import css
from sim.console.lanes import after, table, words
from sim.view import Way


def test_a_dim_light_is_fainter_and_a_dark_one_none() -> None:
    assert css((0, 0, 0)) == ""
    assert css((60, 0, 0)).startswith("rgb(255 0 0 / 1.0")
    dim = float(css((8, 0, 0)).split("/ ")[1].rstrip(")"))
    assert 0.3 < dim < 0.6


def test_a_record_on_its_way_shows_how_far_it_came() -> None:
    way = Way("d1", 7, "DOSE compartment <2>", 10**18, {"spool": 10**18 + 42_000_000})
    text = table([way])
    assert "dose compartment &lt;2&gt;" in text
    # journal: it was there before the spool; spool: measured; the rest: not yet
    assert 'class="there before">42<' in text and 'class="there">42<' in text
    assert text.count('class="waits"') == 3


def test_a_stage_that_was_noticed_late_is_told_by_the_next_one() -> None:
    """A record is in the store only if it went through the broker."""
    at = {
        stage: 10**18 + ms * 10**6 for stage, ms in (("spool", 42), ("broker", 54), ("store", 47))
    }
    text = table([Way("d1", 7, "STATE", 10**18, at)])
    assert 'class="there before">47<' in text and 'class="there">47<' in text
    assert ">54<" not in text


def test_of_a_record_without_a_time_only_where_it_was_is_told() -> None:
    text = table([Way("d1", 7, "BOOT", 0, {"spool": 10**18})])
    assert text.count('class="there">there<') == 2


def test_the_newest_record_is_on_top() -> None:
    text = table([Way("d1", 1, "BOOT", 0), Way("d1", 2, "STATE", 0)])
    assert text.index("state") < text.index("boot")


def test_how_long_after_is_told_in_what_fits() -> None:
    seconds = (0.042, 0.9, 1.5, 50, 130, 8_000, 200_000)
    told = [after(round(s * 1e9)) for s in seconds]
    assert told == ["42", "900", "1.5 s", "50 s", "2.2 min", "2.2 h", "2.3 d"]
    assert after(-5) == "there"


def test_a_mask_of_compartments_is_told_as_numbers() -> None:
    assert words("LID_CLOSED compartments 5") == "lid closed, 1 3 reached"
    assert words("LID_CLOSED compartments 0") == "lid closed, none reached"
    assert words("DOSE_END compartment 4") == "dose end, 4"
    assert words("RESPONSE button 3") == "response button 3"
