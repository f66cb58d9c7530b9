"""The label of a dispenser: its id as QR code (ISO/IEC 18004) and in type that patients can read.

Nothing else is on it: no name, no address, no key. SVG 1.1 or PDF 1.4, 90 x 29 mm.
"""

from pathlib import Path

import segno

from tools.exits import Exit, ToolError

WIDTH, HEIGHT = 255, 82
"""Points (1/72 inch)."""
TYPE_SIZE = 18
"""Points; patients read it: at least 16."""
_QUIET = 4
"""Modules left free around the code, as the standard wants."""
_FORMS = (".svg", ".pdf")


def check(path: Path) -> None:
    """Raise ToolError unless a label can be written there."""
    if path.suffix not in _FORMS:
        raise ToolError(f"label {path}: must end in {' or '.join(_FORMS)}", Exit.USAGE)
    if not path.parent.is_dir():
        raise ToolError(f"label {path}: no such folder", Exit.USAGE)


def write(path: Path, dispenser: str) -> None:
    """Write the label; raises ToolError or OSError."""
    check(path)
    path.write_bytes(svg(dispenser) if path.suffix == ".svg" else pdf(dispenser))


def svg(dispenser: str) -> bytes:
    """Return the label as SVG."""
    code = "".join(
        f"M{x:.2f} {y:.2f}h{w:.2f}v{h:.2f}h-{w:.2f}z" for x, y, w, h in _bars(dispenser)
    )
    texts = "".join(
        f'<text x="{HEIGHT + 6}" y="{y}" font-family="monospace" font-size="{TYPE_SIZE}">{line}'
        "</text>"
        for y, line in _lines(dispenser)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}pt" height="{HEIGHT}pt" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}"><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<path d="{code}"/>{texts}</svg>\n'
    ).encode()


def pdf(dispenser: str) -> bytes:
    """Return the label as PDF, with one of the fonts that every reader has."""
    # the origin is at the bottom
    bars = "".join(
        f"{x:.2f} {HEIGHT - y - h:.2f} {w:.2f} {h:.2f} re\n" for x, y, w, h in _bars(dispenser)
    )
    texts = "".join(
        f"BT /F1 {TYPE_SIZE} Tf {HEIGHT + 6} {HEIGHT - y} Td ({line}) Tj ET\n"
        for y, line in _lines(dispenser)
    )
    content = f"{bars}f\n{texts}".encode()
    page = f"/MediaBox [0 0 {WIDTH} {HEIGHT}] /Resources << /Font << /F1 4 0 R >> >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R {page} /Contents 5 0 R >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier-Bold >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content),
    ]
    return _file(objects)


def _file(objects: list[bytes]) -> bytes:
    # PDF 1.4 reference, 3.4: header, objects, cross-reference table, trailer
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    trailer = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n%b" % (size, table) + trailer


def _lines(dispenser: str) -> list[tuple[int, str]]:
    # in groups, as it is read out on the telephone
    groups = [dispenser[at : at + 4] for at in range(0, len(dispenser), 4)]
    return [(26, "Dosewire"), (50, " ".join(groups[:2])), (72, " ".join(groups[2:]))]


def _bars(dispenser: str) -> list[tuple[float, float, float, float]]:
    """Return the code's black runs as x, y, width, height in points, y from the top."""
    rows = [bytes(row) for row in segno.make_qr(dispenser, error="m").matrix]
    side = HEIGHT / (len(rows) + 2 * _QUIET)
    found = []
    for y, row in enumerate(rows):
        at = 0
        while at < len(row):
            length = next((n for n in range(at, len(row)) if not row[n]), len(row)) - at
            if length:
                found.append(((at + _QUIET) * side, (y + _QUIET) * side, length * side, side))
            at += max(length, 1)
    return found
