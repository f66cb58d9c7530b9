"""The protocol of a bench test on one printable page: HTML that needs nothing else."""

import html

from tools.bench_test import Protocol, passed

_STYLE = """
@page { size: A4; margin: 18mm }
body { font: 12pt/1.4 sans-serif; max-width: 174mm; margin: 0 auto; color: #000; background: #fff }
h1 { font-size: 18pt; margin: 0 0 4mm }
.verdict { font-size: 14pt; font-weight: bold; border: 0.6mm solid #000; padding: 3mm }
table { border-collapse: collapse; width: 100%; margin: 5mm 0 }
th, td { text-align: left; padding: 1mm 2mm; border-bottom: 0.2mm solid #777 }
.bad { font-weight: bold; background: #eee }
.sign { margin-top: 15mm; border-top: 0.2mm solid #000; width: 80mm }
"""


def page(protocol: Protocol) -> str:
    """Return the page; every text in it is escaped."""
    about = {
        "Dispenser": " ".join(
            protocol.dispenser[at : at + 4] for at in range(0, len(protocol.dispenser), 4)
        ),
        "Epoch": str(protocol.epoch), "Board": protocol.board, "Release": protocol.release,
        "Tested": f"{protocol.made_at} (this machine's clock)",
    }  # fmt: skip
    head = "".join(
        f"<tr><th>{name}</th><td>{_text(value)}</td></tr>" for name, value in about.items()
    )
    rows = "".join(
        f'<tr class="{"good" if part.good else "bad"}"><td>{_text(part.part)}</td>'
        f"<td>{'good' if part.good else 'FAILED'}</td><td>{_text(part.told)}</td>"
        f"<td>{'' if part.seq is None else part.seq}</td></tr>"
        for part in protocol.parts
    )
    verdict = ("PASSED: " if protocol.good else "NOT PASSED: ") + passed(protocol)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>Bench test of {_text(protocol.dispenser)}</title><style>{_STYLE}</style></head>\n"
        f'<body><h1>Bench test</h1><p class="verdict">{_text(verdict)}</p><table>{head}</table>\n'
        "<table><tr><th>Part</th><th>Result</th><th>How it is known</th><th>Record</th></tr>\n"
        f'{rows}</table><p class="sign">Name, date</p></body></html>\n'
    )


def _text(value: str) -> str:
    return html.escape(value)
