"""What a line is: echo, answer, final result code, or unsolicited; decided by form alone.

ITU-T V.250 clauses 5.2.1 (command line), 5.7 (result codes); 3GPP TS 27.007 clause 4 and 9.2
(+CME ERROR), 3GPP TS 27.005 clause 3.2.5 (+CMS ERROR).
"""

import re
from dataclasses import dataclass

from gateway.modem.registration import DOMAINS, is_read

_NAME = re.compile(r"[+#$^!*%&_@][A-Z][A-Z0-9]*", re.IGNORECASE)
_PREFIX = re.compile(r"\s*([+#$^!*%&_@]?[A-Z][A-Z0-9 ]*?)\s*:", re.IGNORECASE)
_URC_PREFIX = re.compile(r"[+#$^!*%&_@][A-Z][A-Z0-9 ]*(:|$)", re.IGNORECASE)
_CODED = re.compile(r"(\+CME ERROR|\+CMS ERROR|MODEM ERROR)\s*:\s*(.*)$")
_PLAIN = frozenset(
    ("OK", "ERROR", "NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "NO DIAL TONE")
) | {"COMMAND NOT SUPPORT"}
_CONNECT = re.compile(r"CONNECT( .*)?$")

# Unsolicited lines without a prefix, as vendors' manuals list them.
_BARE_URCS = frozenset(
    (
        "RING",
        "RDY",
        "READY",
        "APP RDY",
        "SMS READY",
        "SMS DONE",
        "CALL READY",
        "PB DONE",
        "POWERED DOWN",
        "NORMAL POWER DOWN",
        "UNDER-VOLTAGE WARNNING",
        "OVER-VOLTAGE WARNNING",
    )
)
# Their answer has no prefix: 27.007 clause 5, V.250 clause 6.1, and the ICCID of many vendors.
_BARE_ANSWERS = frozenset(
    (
        *("CGMI", "CGMM", "CGMR", "CGSN", "GMI", "GMM", "GMR", "GSN", "CIMI", "CPIN"),
        *("CCID", "ICCID", "QCCID", "CICCID", "GSTATUS"),
    )
)
# Set commands without information text: what looks like it came by itself.
_SILENT_SETS = frozenset(
    (
        *("CPIN", "CFUN", "CREG", "CGREG", "CEREG", "C5GREG", "CGDCONT", "CGACT", "CGATT"),
        *("COPS", "CMEE", "CSCS", "CLCK", "CPWD"),
    )
)
_OTHER_PREFIXES = {
    "CCID": {"ICCID", "QCCID"},
    "CICCID": {"ICCID"},
    "ICCID": {"CCID"},
    "QCCID": {"CCID", "ICCID"},
    "CGSN": {"IMEI", "GSN"},
}


@dataclass(frozen=True, slots=True)
class Final:
    """A final result code: its name, and for coded ones the number or the text behind it."""

    name: str
    code: int | None = None
    text: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the command was carried out."""
        return self.name in ("OK", "CONNECT")


def final(line: str) -> Final | None:
    """Return the final result code that a whole line is, None if it is none."""
    if line in _PLAIN:
        return Final("NO DIALTONE" if line == "NO DIAL TONE" else line)
    if found := _CONNECT.fullmatch(line):
        return Final("CONNECT", text=(found[1] or "").strip() or None)
    found = _CODED.match(line)
    if found is None:
        return None
    rest = found[2].strip()
    if rest.isascii() and rest.isdigit():
        return Final(found[1], code=int(rest[:9]))
    return Final(found[1], text=rest)


@dataclass(frozen=True, slots=True)
class Command:
    """A command line and what its answer may look like."""

    text: str
    names: frozenset[str]
    form: str  # "test" =?, "read" ?, "set" =, "run"

    @property
    def known(self) -> bool:
        """Whether it is a command line at all: V.250 begins it with AT."""
        return self.text[:2].upper() == "AT"

    def is_echo(self, line: str) -> bool:
        """Whether a line is this command, come back."""
        return line == self.text.strip()

    def answers(self, line: str) -> bool:
        """Whether a line that is no final code answers this command, by its form."""
        if found := _PREFIX.match(line):
            name = found[1].lstrip("+#$^!*%&_@").upper()
            if name in self._prefixes():
                return self._expected(name, line)
        return self._answers_bare(line)

    def _prefixes(self) -> set[str]:
        wanted = set(self.names)
        for name in self.names:
            wanted |= _OTHER_PREFIXES.get(name, set())
        return wanted

    def _expected(self, name: str, line: str) -> bool:
        if name in DOMAINS:
            return self.form != "set" and (self.form != "read" or is_read(line))
        return not (self.form == "set" and name in _SILENT_SETS)

    def _answers_bare(self, line: str) -> bool:
        if self.form == "test" and line.startswith("("):
            return True
        if line.upper() in _BARE_URCS or _URC_PREFIX.match(line):
            return False
        if not self.known:
            return True
        identity = self.text[2:].strip().upper() in ("I", "I0", "I1", "I9")
        return self.form != "set" and (identity or bool(self.names & _BARE_ANSWERS))


def command(text: str) -> Command:
    """Understand a command line as far as its answer needs it."""
    body = re.sub(r'"[^"]*"', '""', text).strip()
    names = frozenset(found[1:].upper() for found in _NAME.findall(body))
    if body.endswith("=?"):
        form = "test"
    elif body.endswith("?"):
        form = "read"
    else:
        form = "set" if "=" in body else "run"
    return Command(text, names, form)


def unsolicited(line: str) -> bool:
    """Whether a line has the form of an unsolicited result code."""
    return line.upper() in _BARE_URCS or _URC_PREFIX.match(line) is not None
