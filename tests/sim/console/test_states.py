"""What the cards say, without a browser."""

from sim.console.states import Word, _head, _line, _text


def test_what_is_not_well_is_counted_in_the_head():
    well, ill = Word("spool", True, "takes records"), Word("broker", False, "is off")
    assert _head([well, well]) == "How it is: all well"
    assert _head([well, ill]) == "How it is: 1 of 2 not well"
    assert _head([]) == "How it is"


def test_how_long_is_told_of_what_does_not_work_only():
    finding = {"text": "is off", "works": False, "for_seconds": 90, "remedy": ""}
    assert "for" in _text(finding)
    assert _text({**finding, "works": True}) == "is off"


def test_words_of_others_are_escaped():
    assert "<b>x</b>" not in _line(Word("port", None, "<b>x</b>"))
