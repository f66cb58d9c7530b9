"""Makes `dosewire.py` from `dosewire.ksy` if it is stale; with `--check` only tells whether it is.

The compiler is GPL and large, so it is no part of the project; the parser's head holds the SHA-256
of the description it was made from and of its own text, which is all that the check needs.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SOURCE = Path(__file__).with_name("dosewire.ksy")
PARSER = Path(__file__).with_name("dosewire.py")
# The compiler's package has no command of its own.
_COMPILE = """
const description = require("js-yaml").load(require("fs").readFileSync(process.argv[1], "utf8"));
require("kaitai-struct-compiler").compile("python", description, null, false).then(
  (files) => process.stdout.write(Object.values(files)[0]),
  (error) => { process.stderr.write(`${error}\\n`); process.exitCode = 1; });
"""
_INSTALL = "npm install -g kaitai-struct-compiler@0.11.0 js-yaml@4"


def _marked(text: str) -> str:
    """Return the parser's text with its head."""
    made_from = hashlib.sha256(SOURCE.read_bytes()).hexdigest()
    itself = hashlib.sha256(text.encode()).hexdigest()
    return f"# SHA-256 of dosewire.ksy: {made_from}\n# SHA-256 of what follows: {itself}\n{text}"


def is_current() -> bool:
    """Tell whether the parser is what was made from the description as it is now."""
    if not PARSER.exists():
        return False
    parser = PARSER.read_text()
    return parser == _marked(parser.split("\n", 2)[-1])


def _global_modules() -> str:
    npm = shutil.which("npm")
    if npm is None:
        return ""
    root = subprocess.run([npm, "root", "-g"], capture_output=True, text=True)
    return root.stdout.strip()


def _compile() -> str | None:
    """Return the parser's text, None (and a line on stderr) if it cannot be made."""
    node = shutil.which("node")
    if node is None:
        print(f"no Node.js found; install it, then: {_INSTALL}", file=sys.stderr)
        return None
    where = os.pathsep.join(filter(None, (os.environ.get("NODE_PATH"), _global_modules())))
    made = subprocess.run(
        [node, "-e", _COMPILE, str(SOURCE)],
        capture_output=True,
        text=True,
        env={**os.environ, "NODE_PATH": where},
    )
    if made.returncode == 0:
        return made.stdout
    missing = "MODULE_NOT_FOUND" in made.stderr
    print(f"compiler not found: {_INSTALL}" if missing else made.stderr, file=sys.stderr)
    return None


def main(arguments: Sequence[str]) -> int:
    """Make the parser if it is stale; with `--check` only tell whether it is.

    Exit codes: 0 current, 1 stale, 2 cannot be made here.
    """
    if is_current():
        return 0
    if "--check" in arguments:
        print(f"stale: {PARSER.name}; run `python -m protocol.kaitai`", file=sys.stderr)
        return 1
    text = _compile()
    if text is None:
        return 2
    PARSER.write_text(_marked(text))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
