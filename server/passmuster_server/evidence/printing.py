"""The evidence on paper: a PDF of A4 pages. Takes a while to load: import it where it is needed."""

import io
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors, pagesizes, units
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import CondPageBreak, Paragraph, SimpleDocTemplate, Spacer, Table

from passmuster_server.evidence.gathering import Evidence
from passmuster_server.evidence.sections import Grid, sections, subtitle, title

ENCODING = "cp1252"
"""What the fonts that every reader of PDF has can show (ISO 32000-1, Annex D.2)."""


def pdf(evidence: Evidence) -> bytes:
    """Return it as a PDF. Letters that its fonts lack are written by their number."""
    styles = getSampleStyleSheet()
    small = styles["BodyText"].clone("small", fontSize=7.5, leading=9)
    right = small.clone("right", alignment=2)
    margin = 18 * units.mm
    width = pagesizes.A4[0] - 2 * margin

    def paragraph(text: str, style: Any) -> Any:
        return Paragraph(escape(_printable(text)), style)

    def table(grid: Grid) -> Any:
        def cells(row: Sequence[str]) -> list[Any]:
            return [
                paragraph(text, right if column >= grid.numbers_from else small)
                for column, text in enumerate(row)
            ]

        return Table(
            [cells(grid.headings), *(cells(row) for row in grid.rows)],
            colWidths=[share * width for share in _shares(grid)],
            repeatRows=1,
            style=[
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LINEBELOW", (0, 0), (-1, 0), 0.8, colors.black),
                ("LINEBELOW", (0, 1), (-1, -1), 0.25, colors.lightgrey),
                ("TOPPADDING", (0, 0), (-1, -1), 1.5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
            ],
        )

    def numbered(canvas: Any, document: Any) -> None:
        canvas.setFont("Helvetica", 7.5)
        canvas.drawString(margin, 9 * units.mm, _printable(subtitle(evidence)))
        canvas.drawRightString(pagesizes.A4[0] - margin, 9 * units.mm, f"Page {document.page}")

    story = [
        paragraph(title(evidence), styles["Title"]),
        paragraph(subtitle(evidence), styles["BodyText"]),
    ]
    for section in sections(evidence):
        story += [
            # No heading alone at the foot of a page.
            CondPageBreak(40 * units.mm),
            paragraph(section.heading, styles["Heading2"]),
            *(paragraph(sentence, styles["BodyText"]) for sentence in section.sentences),
            Spacer(0, 2 * units.mm),
            table(section.grid) if section.grid.rows else paragraph("None.", styles["BodyText"]),
        ]
    out = io.BytesIO()
    SimpleDocTemplate(
        out,
        pagesize=pagesizes.A4,
        leftMargin=margin,
        rightMargin=margin,
        topMargin=margin,
        bottomMargin=margin,
        title=_printable(title(evidence)),
        author="Passmuster",
        lang="en",
    ).build(story, onFirstPage=numbered, onLaterPages=numbered)
    return out.getvalue()


def _printable(text: str) -> str:
    return text.encode(ENCODING, "backslashreplace").decode(ENCODING)


def _shares(grid: Grid) -> list[float]:
    """Return how much of the width each column gets: by its longest cell, within bounds."""
    longest = [
        min(36, max(8, *(len(row[column]) for row in (grid.headings, *grid.rows))))
        for column in range(len(grid.headings))
    ]
    return [each / sum(longest) for each in longest]
