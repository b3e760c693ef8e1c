"""Reports as one HTML file that needs nothing else, and an estimate as a card for notebooks.

Of an estimate bars are table rows whose width the browser works out, formulas are MathML: no script, no font and no
image is loaded, so that a page of a few hundred kilobytes opens anywhere, prints, and reads aloud. All other reports
are sheets: headings, words, tables and charts one below the other, with the code that draws charts inside.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import costmodel
from costmodel.catalog import bibliography
from costmodel.job import STATUSES
from costmodel.notation import mathml
from costmodel.report import text
from costmodel.report.quantities import range_of, show

if TYPE_CHECKING:
    from jinja2 import Template

    from costmodel.api import Estimate

TEMPLATES = Path(__file__).with_name("templates")

# How it is shown; what: words, LaTeX, rows by the names of their cells, or a Plotly figure; the text in its place.
Block = tuple[str, Any, str]


def sheet(title: str, blocks: Sequence[Block], command: str = "", scenario: str = "") -> str:
    """A page of blocks one below the other, and how to ask again."""
    first = next((place for place, (kind, *_) in enumerate(blocks) if kind == "chart"), None)
    drawn = [
        (kind, _drawn(what, number == first) if kind == "chart" else what, alt)
        for number, (kind, what, alt) in enumerate(blocks)
        if kind != "table" or what
    ]
    return _template("sheet.html").render(
        title=title, blocks=drawn, command=command, scenario=scenario, version=costmodel.__version__
    )


def _drawn(figure: Any, first: bool) -> str:
    """A chart in light colours; the first brings the code for all."""
    figure.update_layout(template="plotly_white", font_color=None)
    for axes in (figure.update_xaxes, figure.update_yaxes):
        axes(tickfont_color=None, title_font_color=None, ticklabelstandoff=6)
    return str(
        figure.to_html(
            full_html=False, include_plotlyjs=first, config={"displaylogo": False, "modeBarButtons": [["toImage"]]}
        )
    )


def page(answer: Estimate) -> str:
    """The whole report: answer, totals, what they consist of and depend on, working, assumptions, how to repeat it."""
    from costmodel.loading import to_yaml
    from costmodel.report import paper
    from costmodel.report.command import command_line
    from costmodel.report.compression import block

    scenario = to_yaml(answer.resolved.scenario)
    return _template("report.html").render(
        _common(answer),
        performance=text.performance(answer) if answer.fits else [],
        layout=text.layout(answer) if answer.fits else "",
        drivers=_drivers(answer),
        compression="\n".join(block(answer.compression)),
        methods=paper.methods(answer),
        working=_working(answer),
        assumptions=_assumptions(answer),
        publications=_publications(answer),
        scenario=scenario,
        command=command_line(_tree(scenario)),
        version=costmodel.__version__,
    )


def card(answer: Estimate) -> str:
    """The answer, its totals and what the cost consists of: what a notebook shows."""
    return _template("card.html").render(_common(answer))


@cache
def _template(name: str) -> Template:
    """A template; whatever is put into it is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(TEMPLATES)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"mathml": mathml, "breakable": _breakable}
    return environment.get_template(name)


def _breakable(name: str) -> Any:
    """A dotted path, which a narrow column may break after its separators."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"([._])", r"\1<wbr>", str(escape(name))))


def _common(answer: Estimate) -> dict[str, Any]:
    """What page and card both show. Bars are (name, value, value in words, note), largest first."""
    outcome = answer.outcome
    breakdown = {name: parts for name, parts in outcome.breakdown.items() if name in text.LABELS and answer.fits}
    capacity, used = outcome.job.hardware.memory, outcome.memory_used
    wholes = [("used", used, show(used, "B"), ""), ("capacity", capacity, show(capacity, "B"), "")]
    return {
        "fits": answer.fits,
        "sentence": text.sentence(answer),
        "asked": text.asked(answer) if answer.fits else "",
        "warnings": answer.warnings,
        "remedy": None if answer.changes is None else text.in_words(answer),
        "totals": text.totals(answer) if answer.fits else [],
        "breakdown": [
            (
                text.LABELS[name],
                _bars(parts, text.UNITS[name]),
                answer.totals[name],
                [("total", answer.totals[name], show(answer.totals[name], text.UNITS[name]), "")],
            )
            for name, parts in breakdown.items()
        ],
        "memory": (_bars(outcome.memory_parts, "B"), max(capacity, used), wholes),
    }


def _bars(parts: Mapping[str, float], unit: str) -> list[tuple[str, float, str, str]]:
    ordered = sorted(parts.items(), key=lambda part: -part[1])
    return [(name, float(value), show(value, unit), "") for name, value in ordered if value]


def _drivers(answer: Estimate) -> list[tuple[str, list[tuple[str, float, str, str]]]]:
    """For each total the assumptions that its range depends on, with their share of it and their own range."""
    by_path = {a.path: a for a in answer.assumptions}
    return [
        (label, [(path, share, f"{share:.0%}", range_of(by_path[path])) for path, share in answer.drivers[name]])
        for name, label in text.LABELS.items()
        if answer.drivers.get(name)
    ]


def _assumptions(answer: Estimate) -> list[tuple[str, str, str, str, str, str]]:
    """Path, value, range, status, note and source of every assumption."""
    return [
        (a.path, show(float(a.value), a.unit), range_of(a), a.status, a.note, a.source)
        for a in sorted(answer.assumptions, key=lambda a: STATUSES.index(a.status))
    ]


def _working(answer: Estimate) -> list[Any]:
    """The totals' working, as trees of steps."""
    from costmodel.report.explain import workings
    from costmodel.report.steps import steps

    if not answer.fits:
        return []
    found, places = workings(answer.resolved), dict[int, str]()
    return [steps(found[f"totals.{name}"], label, places) for name, label in text.LABELS.items()]


def _publications(answer: Estimate) -> Iterable[bibliography.Entry]:
    """The bibliography of the laws and formulas, for the ids that the page names."""
    from costmodel.report import paper

    return [bibliography.entry(source) for source in paper.publications(answer)]


def _tree(scenario: str) -> Mapping[str, Any]:
    import yaml

    return yaml.safe_load(scenario)  # type: ignore[no-any-return]
