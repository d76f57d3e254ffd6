"""The check-up as a sheet: a mark, a sentence and an advice for each finding, the worst first."""

from __future__ import annotations

from collections.abc import Sequence

from ...picture import Circle, Drawing, DrawingBlock, Line, Mark, Sheet, Text, wrap
from .finding import VERDICTS, Finding

_COLOURS = {"good": "#2f9e5b", "note": "#6f7fae", "warning": "#e08a00", "fault": "#d3312e"}
_SIGNS = {"good": "+", "note": "i", "warning": "!", "fault": "×"}
WIDTH, LEFT, TEXT = 1104.0, 40.0, 240.0


def sheet_of(findings: Sequence[Finding], title: str, caption: str) -> Sheet:
    """All findings on one sheet."""
    counts = [(verdict, sum(f.verdict == verdict for f in findings)) for verdict in reversed(VERDICTS)]
    subtitle = ", ".join(
        f"{count} {verdict}{'s' * (count > 1 and verdict != 'good')}" for verdict, count in counts if count
    )
    ordered = sorted(findings, key=lambda finding: -VERDICTS.index(finding.verdict))
    return Sheet(title, subtitle, [DrawingBlock(rows(ordered))], caption=caption, description=caption)


def rows(findings: Sequence[Finding]) -> Drawing:
    marks: list[Mark] = []
    y = 0.0
    for finding in findings:
        marks.append(Line(0, round(y) + 0.5, WIDTH, round(y) + 0.5))
        base = y + 28
        colour = _COLOURS[finding.verdict]
        marks.append(Circle(14, base - 5, 11, colour))
        marks.append(Text(14, base, _SIGNS[finding.verdict], 14, "bold", "middle", "#ffffff"))
        marks.append(Text(LEFT, base, finding.check, 15, "bold"))
        for text, ink in ((finding.sentence, "ink"), (finding.advice, "muted")):
            for line in wrap(text, 14, WIDTH - TEXT) if text else ():
                marks.append(Text(TEXT, base, line, 14, colour=ink))
                base += 20
        y = base - 6
    marks.append(Line(0, round(y) + 0.5, WIDTH, round(y) + 0.5))
    return Drawing(WIDTH, y + 2, tuple(marks))
