"""CSV files of openings, monitors and regimens: read with a word on every mistake, written whole.

Times are the monitor's local wall clock unless they carry an offset, which needs a zone to be
turned into one. Columns may come in any order; unknown ones are left alone.
"""

import csv
import dataclasses
import datetime as dt
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from sim.backend.evidence.dates import Span, overlapping
from sim.backend.evidence.days import Day, Regimen

_YEARS = range(1900, 2200)
_LONGEST = 100 * 366
_MOST = 10_000
_INTEGER = re.compile(r"-?[0-9]{1,6}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME_OF_DAY = re.compile(r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,6})?)?([Zz]|[+-].*)?")
_SHOWN = 40
DAY_COLUMNS = (
    "monitor",
    "date",
    "recorded",
    "added",
    "corrected",
    "expected",
    "non_monitored",
    "implemented",
)


class SheetError(ValueError):
    """One line: which file, line and column, and what is wrong there."""


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One line of a file; `cells` by column."""

    path: Path
    line: int
    cells: Mapping[str, str]

    def wrong(self, column: str, what: str) -> SheetError:
        """Return the error that names this place."""
        return SheetError(f"{self.path}: line {self.line}, column {column}: {what}")

    def text(self, column: str) -> str:
        """Return a cell that must not be empty."""
        if not self.cells[column]:
            raise self.wrong(column, "is empty")
        return self.cells[column]

    def number(self, column: str, least: int) -> int:
        """Return a whole number from `least` to 10,000."""
        text = self.text(column)
        if not _INTEGER.fullmatch(text) or not least <= int(text) <= _MOST:
            raise self.wrong(column, f"{_cut(text)}: not a whole number from {least} to {_MOST}")
        return int(text)

    def date(self, column: str) -> dt.date:
        """Return a date written YYYY-MM-DD."""
        text = self.text(column)
        try:
            found = dt.date.fromisoformat(text) if _DATE.fullmatch(text) else None
        except ValueError:
            found = None
        if found is None or found.year not in _YEARS:
            raise self.wrong(column, f"{_cut(text)}: not a date like 2026-03-29")
        return found

    def span(self) -> Span:
        """Return the dates from column start to column end."""
        found = Span(self.date("start"), self.date("end"))
        if found.end < found.start:
            raise self.wrong("end", f"{found.end} is before start {found.start}")
        if (found.end - found.start).days > _LONGEST:
            raise self.wrong("end", f"{found.end} is more than 100 years after the start")
        return found


def openings(path: Path, zone: dt.tzinfo | None) -> dict[str, list[dt.datetime]]:
    """Read monitor,opened_at; the times of each monitor on its wall clock.

    Raises SheetError.
    """
    found: dict[str, list[dt.datetime]] = {}
    for row in _rows(path, ("monitor", "opened_at")):
        found.setdefault(row.text("monitor"), []).append(_moment(row, "opened_at", zone))
    return found


def monitors(path: Path) -> dict[str, list[Span]]:
    """Read monitor,start,end: the dates of observation. Raises SheetError."""
    return _spans(path, disjoint=True)


def non_monitored(path: Path) -> dict[str, list[Span]]:
    """Read monitor,start,end: the dates of which nothing can be said. Raises SheetError."""
    return _spans(path, disjoint=False)


def regimens(path: Path) -> dict[str, list[Regimen]]:
    """Read monitor,start,end,expected,on,off. Raises SheetError."""
    found: dict[str, list[Regimen]] = {}
    for row in _rows(path, ("monitor", "start", "end", "expected", "on", "off")):
        several = found.setdefault(row.text("monitor"), [])
        several.append(_regimen(row))
        _disjoint(row, [regimen.span for regimen in several])
    return found


def added(path: Path) -> dict[str, dict[dt.date, int]]:
    """Read monitor,date,added; several lines of one date add up. Raises SheetError."""
    found: dict[str, dict[dt.date, int]] = {}
    for row in _rows(path, ("monitor", "date", "added")):
        by_date = found.setdefault(row.text("monitor"), {})
        date = row.date("date")
        by_date[date] = by_date.get(date, 0) + row.number("added", -_MOST)
    return found


def days_sheet(days: Mapping[str, Iterable[Day]]) -> str:
    """Return the days of each monitor as CSV, by monitor and date; flags are 1 and 0."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(DAY_COLUMNS)
    for monitor in sorted(days):
        writer.writerows([monitor, *_cells(day)] for day in days[monitor])
    return text.getvalue()


def _cells(day: Day) -> list[str | int]:
    expected = "" if day.expected is None else day.expected
    implemented = "" if day.implemented is None else int(day.implemented)
    flags = [expected, int(day.non_monitored), implemented]
    return [day.date.isoformat(), day.recorded, day.added, day.corrected, *flags]


def _spans(path: Path, *, disjoint: bool) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = {}
    for row in _rows(path, ("monitor", "start", "end")):
        several = found.setdefault(row.text("monitor"), [])
        several.append(row.span())
        if disjoint:
            _disjoint(row, several)
    return found


def _disjoint(row: Row, spans: Sequence[Span]) -> None:
    shared = overlapping(spans)
    if shared is not None:
        other = next(span for span in shared if span is not spans[-1])
        raise row.wrong("start", f"overlaps {other.start} to {other.end} of this monitor")


def _regimen(row: Row) -> Regimen:
    span, expected = row.span(), row.number("expected", 0)
    on, off = row.cells["on"], row.cells["off"]
    if not on and not off:
        return Regimen(span, expected)
    return Regimen(span, expected, row.number("on", 1), row.number("off", 0))


def _moment(row: Row, column: str, zone: dt.tzinfo | None) -> dt.datetime:
    text = row.text(column)
    try:
        plain = _DATE.match(text) and _TIME_OF_DAY.fullmatch(text[10:])
        found = dt.datetime.fromisoformat(text) if plain else None
    except ValueError:
        found = None
    if found is None or found.year not in _YEARS:
        raise row.wrong(column, f"{_cut(text)}: not a date with a time like 2026-03-29 21:05")
    if found.tzinfo is None:
        return found
    if zone is None:
        raise row.wrong(column, f"{_cut(text)}: has an offset; --zone says whose clock counts")
    return found.astimezone(zone).replace(tzinfo=None)


def _rows(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    lines = _lines(path)
    names = [name.strip() for name in next(lines, (1, []))[1]]
    for column in columns:
        if names.count(column) != 1:
            what = "is not there" if column not in names else "is there twice"
            raise SheetError(f"{path}: line 1, column {column}: {what}")
    for line, cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(names):
            at = f"line {line}, column {min(len(cells), len(names)) + 1}"
            raise SheetError(f"{path}: {at}: {len(cells)} cells, the header has {len(names)}")
        yield Row(path, line, dict(zip(names, map(str.strip, cells), strict=True)))


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise SheetError(f"{path}: line {reader.line_num}: {error}") from error


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise SheetError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SheetError(f"{path}: line {line}: not UTF-8") from error


def _cut(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
