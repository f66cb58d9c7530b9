"""Log lines for journald or for people: the same text, another head."""

import logging
import os
import sys
from collections.abc import Mapping

# syslog(3) priorities, as sd-daemon(3) reads them at the head of a line
_PRIORITY = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.NOTSET, 7))


class _JournalFormatter(logging.Formatter):
    """`<priority>` before every line, each being an entry of its own; journald adds the time."""

    def format(self, record: logging.LogRecord) -> str:
        head = next(f"<{number}>" for level, number in _PRIORITY if record.levelno >= level)
        return "\n".join(head + line for line in super().format(record).splitlines())


def to_stderr(level: str, environ: Mapping[str, str] = os.environ) -> None:
    """Log to stderr from `level` on, with priorities if journald reads it."""
    handler = logging.StreamHandler(sys.stderr)
    if _is_journal(environ.get("JOURNAL_STREAM", "")):
        handler.setFormatter(_JournalFormatter("%(message)s"))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])


def _is_journal(stream: str) -> bool:
    # systemd.exec(5): device and inode of the stream, which a redirection replaces
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return stream == f"{found.st_dev}:{found.st_ino}"
