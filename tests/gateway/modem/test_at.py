"""The AT engine alone: interleaved, cut, glued, late; never the answer of another command."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.modem.at import MARKERS, BusyError, Engine, Prompt, Reply, State, Urc
from gateway.modem.grammar import Final

URCS = ("RING", '+CMTI: "SM",3', '+QIURC: "recv",0,4', '+CREG: 5,"00A1","01B2C3D4",7', "RDY")
# command, information, final
DIALOGUES = (
    ("AT+CSQ", ("+CSQ: 18,99",), "OK"),
    ("AT+CREG?", ('+CREG: 2,1,"00A1","01B2C3D4",7',), "OK"),
    ("AT+CGDCONT?", ('+CGDCONT: 1,"IP","a"', '+CGDCONT: 2,"IP","b"'), "OK"),
    ("AT+CGSN", ("490154203237518",), "OK"),
    ("AT+CPIN?", ("+CPIN: READY",), "OK"),
    ("AT+CGACT=1,1", (), "+CME ERROR: 148"),
    ("AT+CFUN=1", (), "OK"),
    ("ATE0", (), "ERROR"),
)
ENDS = ("\r\n", "\n", "\r\r\n")


def in_step() -> Engine:
    engine = Engine()
    engine.resync()
    marker = {"AT+CSCS?": '+CSCS: "IRA"', "AT+CMEE?": "+CMEE: 1"}[MARKERS[1][0]]
    engine.feed(f"\r\n{marker}\r\n\r\nOK\r\n".encode())
    assert engine.answered and engine.settle()
    return engine


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(at)]


@given(st.data())
def test_urcs_anywhere_cuts_anywhere(data: st.DataObject) -> None:
    engine = in_step()
    for _ in range(data.draw(st.integers(1, 4))):
        text, info, final = data.draw(st.sampled_from(DIALOGUES))
        end = data.draw(st.sampled_from(ENDS))
        echo = data.draw(st.booleans())
        body = [*info, final]
        sent: list[str] = []
        urcs: list[str] = []
        for line in body:
            noise = data.draw(st.lists(st.sampled_from(URCS), max_size=3))
            urcs += noise
            sent += [*noise, line]
        after = data.draw(st.lists(st.sampled_from(URCS), max_size=2))
        raw = (text + "\r" if echo else "") + "".join(f"{end}{s}{end}" for s in [*sent, *after])
        assert engine.send(text) == text.encode() + b"\r"
        cuts = data.draw(st.lists(st.integers(0, 1 << 16), max_size=8))
        events = [e for piece in pieces(raw.encode(), cuts) for e in engine.feed(piece)]
        (reply,) = [e for e in events if isinstance(e, Reply)]
        assert reply.command == text and reply.info == tuple(info) and not reply.others
        assert reply.final is not None and reply.ok == (final == "OK")
        assert reply.echo == (text if echo else None)
        assert [e.line for e in events if isinstance(e, Urc)] == urcs + after


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_any_bytes_then_the_next_command_works(junk: bytes, cuts: list[int]) -> None:
    engine = in_step()
    engine.send("AT+CSQ")
    for piece in pieces(junk, cuts):
        engine.feed(piece)
    engine.expire()
    _resynchronise(engine)
    engine.send("AT+CSQ")
    (reply,) = engine.feed(b"\r\n+CSQ: 7,99\r\n\r\nOK\r\n")
    assert reply == Reply("AT+CSQ", Final("OK"), ("+CSQ: 7,99",))


def _answer(question: str) -> str:
    return {
        "AT+CMEE?": "+CMEE: 1",
        "AT+CSCS?": '+CSCS: "IRA"',
        "AT+CMEE=?": "+CMEE: (0,1,2)",
        "AT+CFUN=?": "+CFUN: (0,1,4)",
        "AT+CREG=?": "+CREG: (0-3)",
    }[question]


def _resynchronise(engine: Engine, late: str = "") -> None:
    for _ in range(4):
        question = engine.resync().decode().strip()
        engine.feed(f"{late}\r\n{_answer(question)}\r\n\r\nOK\r\n".encode())
        late = ""
        if engine.settle():
            return
    raise AssertionError("not in step")


@given(
    late=st.lists(
        st.sampled_from(("OK", "ERROR", "+CME ERROR: 4", "+CSQ: 1,99", "RING")), max_size=5
    ),
    unanswered=st.integers(0, 3),
)
def test_late_replies_never_end_the_next_command(late: list[str], unanswered: int) -> None:
    engine = in_step()
    engine.send("AT+COPS=0")
    given_up = engine.expire()
    assert given_up is not None and given_up.final is None and engine.state is State.UNSURE
    with pytest.raises(BusyError):
        engine.send("AT+CSQ")
    asked = [engine.resync().decode().strip() for _ in range(unanswered)]
    lines = late + [line for question in asked for line in (_answer(question), "OK")]
    _resynchronise(engine, "".join(f"\r\n{line}\r\n" for line in lines))
    engine.send("AT+CSQ")
    (reply,) = engine.feed(b"\r\n+CSQ: 22,99\r\n\r\nOK\r\n")
    assert isinstance(reply, Reply) and reply.info == ("+CSQ: 22,99",)


def test_an_answer_behind_the_right_one_is_doubt() -> None:
    engine = Engine()
    engine.resync()
    engine.feed(b'\r\n+CSCS: "IRA"\r\n\r\nOK\r\n\r\nOK\r\n')
    assert not engine.settle() and engine.state is State.UNSURE


def test_a_modem_that_does_not_know_the_questions() -> None:
    engine = Engine()
    for i in range(3):
        assert engine.state is State.UNSURE, i
        engine.resync()
        engine.feed(b"\r\nERROR\r\n")
        engine.settle()
    assert engine.state is State.IDLE


def test_finals_without_a_command_are_late_and_dropped() -> None:
    engine = in_step()
    assert engine.feed(b"\r\nOK\r\n\r\n+CME ERROR: 3\r\nNO CARRIER\r\n") == []
    assert engine.late == 3


def test_prompt() -> None:
    engine = in_step()
    engine.send("AT+CMGS=3", b"abc\x1a")
    assert engine.feed(b"\r\n>") == [Prompt()]
    assert engine.prompt_data() == b"abc\x1a"
    assert engine.feed(b" \r\n+CMGS: 4\r\n\r\nOK\r\n") == [
        Reply("AT+CMGS=3", Final("OK"), ("+CMGS: 4",))
    ]


def test_a_prompt_that_nobody_wants_is_no_line() -> None:
    engine = in_step()
    engine.send("AT+CSQ")
    assert engine.feed(b"\r\n> \r\n+CSQ: 1,99\r\n\r\nOK\r\n") == [
        Reply("AT+CSQ", Final("OK"), ("+CSQ: 1,99",), (">",))
    ]


def test_an_unfinished_error_waits_for_its_digits() -> None:
    engine = in_step()
    engine.send("AT+CPIN?")
    assert engine.feed(b"\r\n+CME ERROR: 1") == []
    assert engine.feed(b"4\r\n") == [Reply("AT+CPIN?", Final("+CME ERROR", 14))]


@pytest.mark.parametrize("text", ["", "hello", "AT\r\nATD", "AT+X=é", "AT\x00"])
def test_what_is_no_command_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no command line"):
        in_step().send(text)


def test_a_line_without_end_is_dropped_and_the_next_is_good() -> None:
    engine = in_step()
    engine.send("AT+CSQ")
    engine.feed(b"x" * 20_000)
    engine.feed(b"\r\n+CSQ: 3,99\r\nOK\r\n")
    assert engine.oversized == 1 and engine.state is State.IDLE


def test_a_line_that_began_before_the_command_answers_nothing() -> None:
    engine = in_step()
    assert engine.feed(b"\r\nOK\r\nf") == []
    engine.send("AT+CGMM")
    assert engine.feed(b"\r\nEC25\r\n\r\nOK\r\n")[-1] == Reply("AT+CGMM", Final("OK"), ("EC25",))
    engine.feed(b"\r\n+CMT")
    engine.send("AT+CGMM")
    assert engine.feed(b'I: "SM",3\r\n\r\nEC25\r\n\r\nOK\r\n') == [
        Urc('+CMTI: "SM",3'),
        Reply("AT+CGMM", Final("OK"), ("EC25",)),
    ]
