"""A validation as text, CSV and a self-contained HTML page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import astuple, fields
from html import escape
from typing import Any

from costmodel.report.html import Block, sheet
from costmodel.report.quantities import number
from costmodel.report.table import aligned
from costmodel.report.table import as_csv as csv_text
from costmodel.units import counted
from costmodel.validation.summary import Result, Validation, by

# Heading of a column, the statistic that it shows, and whether that has a sign.
COLUMNS = (
    ("median", "median", False),
    ("mean", "mean", False),
    ("p90", "p90", False),
    ("in 10%", "within_10", False),
    ("in 20%", "within_20", False),
    ("bias", "bias", True),
    ("in range", "coverage_80", False),
    ("naive", "naive_median", False),
    ("naive p90", "naive_p90", False),
)
GROUPS = ("metric", "source", "accelerator", "family")
MOST_REASONS = 12


def as_text(validation: Validation) -> str:
    """How wrong predictions are, tables by metric, source, accelerator and family, and why rows are not answered."""
    parts = ["\n".join(sentences(validation))]
    for group, summary in zip(GROUPS, validation.summary().values(), strict=True):
        rows = [[f"by {group}", "rows", "answered", *(heading for heading, _, _ in COLUMNS)], *cells(summary)]
        parts.append(aligned(rows))
    for title, reasons in (
        ("not counted", (r.excluded for r in validation.results)),
        ("not answered", (r.skipped for r in validation.results)),
    ):
        if listed := _reasons(reasons):
            parts.append(aligned([[title, "rows"], *listed]))
    return "\n\n".join(parts)


def cells(summary: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """A line for each group: its name, counts and statistics, largest group first."""
    ordered = sorted(summary.items(), key=lambda item: -item[1]["rows"])
    return [
        [
            name or "(not stated)",
            str(found["rows"]),
            str(found["answered"]),
            *(percent(found[statistic], signed) for _, statistic, signed in COLUMNS),
        ]
        for name, found in ordered
    ]


def percent(fraction: float | None, signed: bool = False) -> str:
    """A fraction in per cent, whole or with two digits; a dash where there is none."""
    if fraction is None:
        return "–"
    value = 100 * fraction
    digits = f"{value:.0f}" if abs(value) < 1000 else number(value, 2)
    return f"{'+' * (signed and value > 0)}{digits}%"


def as_csv(validation: Validation) -> str:
    """One line per row and metric."""
    names = [field.name for field in fields(Result)]
    lines = [["; ".join(c) if isinstance(c, list) else c for c in astuple(r)] for r in validation.results]
    return csv_text([names, *lines])


def as_html(validation: Validation) -> str:
    """A page that needs nothing else: a parity plot and tables. Raises ImportError without plotly."""
    blocks: list[Block] = [("markdown", said, "") for said in sentences(validation)]
    if answered(validation):
        blocks.append(("chart", _parity(validation), "Predicted against measured figures, which the tables sum up."))
    for group, summary in zip(GROUPS, validation.summary().values(), strict=True):
        heads = (f"by {group}", "rows", "answered", *(heading for heading, _, _ in COLUMNS))
        blocks.append(("table", [dict(zip(heads, row, strict=True)) for row in cells(summary)], f"Errors by {group}."))
    note = "“In range” is the share of measurements in the 80 % range of their prediction."
    blocks.append(("caption", f"{note} “Naive” is the baseline of each metric.", ""))
    reasons = [{"not answered": reason, "rows": n} for reason, n in _reasons(r.skipped for r in validation.results)]
    return sheet("Published runs against predictions", [*blocks, ("table", reasons, "Why rows are not answered.")])


def answered(validation: Validation) -> list[Result]:
    """What was both measured and predicted."""
    return [r for r in validation.results if r.predicted is not None and r.measured is not None]


def sentences(validation: Validation) -> list[str]:
    """How wrong the predictions are, a sentence for each metric, the most frequent first; and what is counted."""
    found = sorted(by(validation.results, "metric").items(), key=lambda item: -item[1]["answered"])
    left_out = sum(r.excluded is not None for r in validation.results)
    return [
        *(f"{validation.kind}: {_wrong(metric, summary)}." for metric, summary in found),
        f"{left_out:,} not counted; an error is exp|ln(predicted / measured)| − 1, and repeats of one configuration "
        "count once together.",
    ]


def _wrong(metric: str, summary: Mapping[str, Any]) -> str:
    if not summary["answered"]:
        return f"{metric}: no measurement of {summary['rows']:,} answered"
    median, worst, naive, held = (percent(summary[n]) for n in ("median", "worst", "naive_median", "coverage_80"))
    return (
        f"{metric} is typically {median} off (naive baseline {naive}), at worst {worst}; 80 % ranges hold {held} of "
        f"{counted(summary['answered'], 'measurement')} answered, of {summary['rows']:,}"
    )


def _reasons(reasons: Iterable[str | None]) -> list[list[str]]:
    """The most frequent reasons with their counts."""
    found = Counter(reason for reason in reasons if reason)
    listed = [[reason[:100], str(count)] for reason, count in found.most_common(MOST_REASONS)]
    rest = sum(found.values()) - sum(count for _, count in found.most_common(MOST_REASONS))
    return listed + ([[f"{len(found) - MOST_REASONS} other reasons", str(rest)]] if rest else [])


def _parity(validation: Validation) -> Any:
    """Predicted against measured, a colour per metric, with the line where they are equal."""
    import plotly.graph_objects as go

    drawn, figure = answered(validation), go.Figure()
    for metric in by(drawn, "metric"):
        rows = [r for r in drawn if r.metric == metric]
        figure.add_scatter(
            x=[r.measured for r in rows],
            y=[r.predicted for r in rows],
            mode="markers",
            name=metric,
            marker={"size": 5, "opacity": 0.6},
            text=[escape(f"{r.row_id} ({r.accelerator})") for r in rows],
            hovertemplate="%{text}<br>measured %{x:.4g}, predicted %{y:.4g}",
        )
    ends = [min(r.measured or 0 for r in drawn), max(r.measured or 0 for r in drawn)]
    figure.add_scatter(x=ends, y=ends, mode="lines", name="equal", line={"color": "#888", "dash": "dot"})
    figure.update_layout(xaxis_type="log", yaxis_type="log", height=650)
    return figure.update_layout(xaxis_title="measured (SI)", yaxis_title="predicted (SI)")
