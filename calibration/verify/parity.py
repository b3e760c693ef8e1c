"""Predicted beside measured: a plain table, and a parity chart as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from costmodel.calibration.verify.run import Row

WIDTH = 40  # columns of the plain chart: from a quarter to four times what was measured
SPAN = 4.0


def errors(rows: Sequence[Row]) -> list[float]:
    """|predicted / measured − 1| of the rows that were answered."""
    return [abs(row.predicted / row.measured - 1) for row in rows if row.measured and row.predicted]


def coverage(rows: Sequence[Row]) -> float:
    """Share of the answered rows whose measurement lies within the 80 % range."""
    inside = [row.p10 <= row.measured <= row.p90 for row in rows if row.measured and row.p10 and row.p90]
    return sum(inside) / max(1, len(inside))


def summary(rows: Sequence[Row]) -> str:
    """One line: how many, median and largest error, coverage."""
    found = errors(rows)
    if not found:
        return "no case could be measured"
    text = f"{len(found)} cases: median error {median(found):.0%}, largest {max(found):.0%}"
    return f"{text}, 80% ranges hold {coverage(rows):.0%}"


def text(rows: Sequence[Row]) -> str:
    """A table with a bar for each range and a mark for each measurement, in units of the prediction."""
    from math import log

    from costmodel.report.quantities import show

    def column(ratio: float) -> int:
        return max(0, min(WIDTH, round(WIDTH / 2 * (1 + log(ratio) / log(SPAN)))))

    lines = [summary(rows), ""]
    lines += [f"{'case':28}{'measured':>10}{'predicted':>10}{'error':>7}  range about the prediction |, x measured"]
    for row in rows:
        if not (row.measured and row.predicted and row.p10 and row.p90):
            lines.append(f"{row.id:28}  skipped: {row.skipped}")
            continue
        low, high = column(row.p10 / row.predicted), column(row.p90 / row.predicted)
        bar = ["-" if low <= i <= high else " " for i in range(WIDTH + 1)]
        bar[WIDTH // 2], bar[column(row.measured / row.predicted)] = "|", "x"
        error = row.predicted / row.measured - 1
        unit = "1" if row.metric == "speed_up" else "s"
        figures = f"{show(row.measured, unit):>10}{show(row.predicted, unit):>10}"
        lines.append(f"{row.id:28}{figures}{error:>+7.0%}  {''.join(bar)}".rstrip())
    return "\n".join(lines)


def html(rows: Sequence[Row]) -> str:
    """A parity chart on logarithmic axes, a page of its own. Needs plotly."""
    import plotly.graph_objects as go

    answered = [row for row in rows if row.measured and row.predicted and row.metric != "speed_up"]
    measured, predicted = ([getattr(row, name) for row in answered] for name in ("measured", "predicted"))
    ends = [min(measured + predicted, default=1e-3) / 2, max(measured + predicted, default=1.0) * 2]
    bars = {
        "array": [row.p90 - row.predicted for row in answered],  # type: ignore[operator]
        "arrayminus": [row.predicted - row.p10 for row in answered],  # type: ignore[operator]
    }
    figure = go.Figure()
    figure.add_scatter(x=ends, y=ends, mode="lines", line={"dash": "dot", "color": "grey"}, name="equal")
    figure.add_scatter(
        x=measured, y=predicted, error_y=bars, mode="markers", name="cases", text=[row.id for row in answered]
    )
    figure.update_layout(
        title=f"Predicted beside measured: {summary(rows)}", xaxis_title="measured [s]", yaxis_title="predicted [s]"
    )
    figure.update_xaxes(type="log")
    figure.update_yaxes(type="log")
    return str(figure.to_html(include_plotlyjs=True, full_html=True))
