"""The documents as plain text: literal and refined side by side, examples with verdicts, levers with commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest
from textwrap import wrap

from costmodel.documents.entries import DOCUMENTS, ENTRIES, Entry
from costmodel.documents.levers import LEVERS, Lever
from costmodel.documents.worked import Example, examples
from costmodel.formula import Formula, load_all
from costmodel.readings import text

HEAD = (
    "Five articles on what training and inference of large models cost, D0 to D4. Each formula stands as it is written "
    "there (LaTeX, then in words on the left), with what is computed here in its place on the right, and whether it is "
    "right, incomplete or wrong. Worked examples are computed again. At the end: what the articles say saves cost."
)
WIDTH = 100
_COLUMN = 47


def report() -> str:
    """Every formula, worked example and lever of the five documents, at most 100 columns wide."""
    known = load_all()
    lines = _paragraph(HEAD, 0)
    for key, title in DOCUMENTS.items():
        lines += ["", "", f"{_short(key)}  {title}", "=" * WIDTH]
        for entry in ENTRIES:
            if entry.document == key:
                lines += ["", *_entry(entry, known)]
        for example in examples():
            if example.document == key:
                lines += ["", *_example(example)]
    lines += ["", "", "What they propose to save cost, and how to ask what it saves", "=" * WIDTH]
    for lever in LEVERS:
        lines += ["", *_lever(lever)]
    return "\n".join(lines)


def _entry(entry: Entry, known: dict[str, Formula]) -> Iterator[str]:
    yield from _paragraph(f"{entry.id}  {entry.verdict}: {entry.meaning}", 0)
    yield from _paragraph(f"as written: {entry.latex}")
    left = [line for f in entry.formulas for line in _formula(f)]
    right = [line for f in entry.corrected for line in _formula(f)]
    right += [line for name in entry.refined_by for line in text(known[name])]
    yield from _side_by_side("the document", "here", left, right)
    yield from _paragraph(entry.remark)


def _formula(formula: Formula) -> list[str]:
    """The formula's lines without the id in its name: "d3 2 gradient" is plain "gradient"."""
    return [re.sub(r"^d\d \d ", "", line) for line in text(formula)]


def _side_by_side(left_title: str, right_title: str, left: list[str], right: list[str]) -> Iterator[str]:
    def column(title: str, lines: list[str]) -> list[str]:
        wrapped = [part for line in lines for part in wrap(line, _COLUMN, subsequent_indent="    ")]
        return [title, "-" * len(title), *(wrapped or ["(the same)"])]

    for a, b in zip_longest(column(left_title, left), column(right_title, right), fillvalue=""):
        yield f"  {a:<{_COLUMN}}  {b}".rstrip()


def _example(example: Example) -> Iterator[str]:
    yield from _paragraph(f"{example.id}  section {example.place}: {example.setting}", 0)
    yield f"  {'':<42}{'the document':>16}{'computed':>16}"
    for s in example.statements:
        what = f"{s.what} [{s.unit}]" if s.unit else s.what
        stated = "" if s.stated is None else _figure(s.stated)
        mark = {True: "right", False: "wrong", None: ""}[s.right]
        yield f"  {what:<42}{stated:>16}{_figure(s.computed):>16}  {mark}".rstrip()
    yield from _paragraph(example.verdict)


def _figure(value: float) -> str:
    """Counts in full, all else with four digits."""
    whole = 1 <= abs(value) < 1e10 and value == round(value)
    return f"{value:,.0f}" if whole else f"{value:.4g}".replace("e+", "e")


def _lever(lever: Lever) -> Iterator[str]:
    yield from _paragraph(f"{lever.name} ({', '.join(map(_short, lever.documents))}): {lever.changes}", 0)
    yield f"  $ costmodel documents --lever {lever.id}"


def _short(document: str) -> str:
    return document.replace("document-", "D")


def _paragraph(sentence: str, indent: int = 2) -> list[str]:
    return wrap(sentence, WIDTH, initial_indent=" " * indent, subsequent_indent=" " * 2)
