"""`dosewire bench-test` on the emulated board: hands do what it says, a broken part fails it."""

import datetime
import re
import threading
from html.parser import HTMLParser

import pytest

from protocol.schema import Mode, RecordType
from tests.tools.desk import dosewire
from tools import bench_page
from tools.bench_test import BenchTest, Part, Protocol
from tools.exits import Exit
from tools.journal import read

pytestmark = pytest.mark.slow
NOW = datetime.datetime(2026, 5, 4, 3, 2, 1, tzinfo=datetime.UTC)
PARTS = [
    "at rest", "lid opens", "beam 1", "beam 2", "beam 3", "beam 4", "lid closes", "button 0",
    "button 1", "button 2", "button 3", "button 4", "service", "lights", "sound",
]  # fmt: skip
WORDS = {
    r"compartment (\d)": lambda n: f"beam{n}",
    r"press button (\d)": lambda n: f"button{n}",
}


class Hands:
    """Does at the board what is said, but for the `broken`; looks at lights, hears tones."""

    def __init__(self, desk, broken=()):
        self.desk = desk
        self.broken = broken
        self.timers = []

    def tell(self, text):
        for pattern, name in WORDS.items():
            if found := re.search(pattern, text):
                self.hold(name(found[1]))
        if text.startswith(("open", "close")):
            self.set("lid", text.startswith("open"))
        if "service" in text and "hold" in text:
            self.set("service", True)
        if text == "let it go":
            self.set("service", False)

    def hold(self, name):
        if name not in self.broken:
            self.set(name, True)
            self.timers.append(threading.Timer(0.3, self.set, (name, False)))
            self.timers[-1].start()

    def set(self, name, active):
        self.desk.call(lambda: self.desk.board.set_input(name, active))

    def wait(self, text):
        raise AssertionError(text)

    def yes(self, question):
        for timer in self.timers:
            timer.join()
        shown = self.desk.outputs
        if "lights" in question:
            chains = [e.data for e in shown if e.kind == "pixels"]
            alone = [bytes(24 * [0])[: 3 * n] + b"\x3c\x3c\x3c" for n in range(8)]
            return all(
                any(c.startswith(a) and not any(c[len(a) :]) for c in chains) for a in alone
            )
        if "tones" in question:
            heard = [e.freq for e in shown if e.kind == "pwm" and e.value]
            return [hz for hz in (660, 880, 1100) if hz in heard] == [660, 880, 1100]
        return False


def test_every_part_becomes_a_record_of_mode_bench(desk):
    before = desk.hello().next
    made = BenchTest(desk.port, Hands(desk), 20).run(lambda: NOW)
    assert [(part.part, part.good) for part in made.parts] == [(name, True) for name in PARTS], (
        made
    )
    assert made.good
    assert (made.dispenser, made.made_at) == (
        desk.hello().device_id.hex(), "2026-05-04T03:02:01+00:00",
    )  # fmt: skip
    seqs = [part.seq for part in made.parts if part.seq is not None]
    assert seqs == sorted(seqs)
    journal = {record.seq: record for record in records(desk)}
    kinds = [RecordType.lid_opened, *4 * [RecordType.dose], RecordType.lid_closed]
    assert [journal[seq].type for seq in seqs] == kinds + 5 * [RecordType.response]
    assert {journal[seq].mode for seq in seqs} == {Mode.bench}
    patients = [r for r in journal.values() if r.seq >= before and r.type >= 0x20]
    assert all(r.mode == Mode.bench for r in patients)


@pytest.mark.soak
def test_a_broken_beam_is_named_and_the_rest_is_tried(desk):
    made = BenchTest(desk.port, Hands(desk, broken=("beam3",)), 8).run(lambda: NOW)
    assert not made.good
    assert [part.part for part in made.parts if not part.good] == ["beam 3"], made
    assert [part.part for part in made.parts] == PARTS


@pytest.mark.soak
def test_a_stuck_button_is_named(desk):
    hands = Hands(desk, broken=("button4",))
    hands.set("button4", True)
    made = BenchTest(desk.port, hands, 8).run(lambda: NOW)
    bad = {part.part: part.told for part in made.parts if not part.good}
    assert set(bad) == {"at rest", "button 4"}, made
    assert "button 4" in bad["at rest"]


def records(desk):
    return [held.record for held in read(desk.port, lambda *_: None).held]


class Page(HTMLParser):
    """Texts of a page, and whatever it would fetch or run."""

    def __init__(self, text):
        super().__init__()
        self.texts, self.outside = [], []
        self.feed(text)

    def handle_data(self, data):
        self.texts.append(data)

    def handle_starttag(self, tag, attrs):
        if tag in ("script", "link", "img", "iframe") or {"src", "href"} & dict(attrs).keys():
            self.outside.append(tag)


def test_the_page_stands_alone_and_shows_what_failed():
    parts = [Part("lid opens", True, "recorded", 7), Part("beam <3>", False, "<script>x</script>")]
    made = Protocol(
        "00112233445566ff", 9, "pico", "1.2.3", "2026-05-04T03:02:01+00:00", False, parts
    )
    page = Page(bench_page.page(made))
    assert page.outside == []
    text = " ".join(page.texts)
    for word in ("0011 2233 4455 66ff", "NOT PASSED", "beam <3>", "FAILED", "<script>x</script>"):
        assert word in text
    assert "url(" not in bench_page.page(made)


def test_what_cannot_be_tested_is_one_line(tmp_path):
    done = dosewire("bench-test", "--port", tmp_path / "gone")
    assert done.returncode == Exit.NO_DEVICE
    assert len(done.stderr.splitlines()) == 1
    done = dosewire("bench-test", "--port", "/dev/null", "--page", tmp_path / "no" / "x.html")
    assert done.returncode == Exit.USAGE
