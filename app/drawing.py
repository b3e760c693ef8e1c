"""How pages show charts, tables and words, each with the text that stands for it; all is kept to be taken along."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import pandas  # noqa: F401  (whole before any chart: plotly takes what of it another visitor's thread has loaded so far)
import plotly.graph_objects as go
import streamlit as st

from costmodel.report.html import Block

PART, WHOLE = "#0072B2", "#E69F00"  # of Okabe and Ito's palette, told apart with every common kind of colour blindness
GREY = "#7F7F7F"
LEGEND = {"orientation": "h", "yanchor": "bottom", "y": 1.0, "xanchor": "left", "x": 0}
MARGIN = {"l": 0, "r": 36, "t": 24, "b": 0}  # on the right stands the way to save a chart
WIDTH = 1000  # of a picture, whatever the screen; three times as many dots
NAME, SHOWN = "page name", "page blocks"  # of the session: the page that it is at, and what that has shown so far


def begin(name: str) -> None:
    """A page starts to show."""
    st.session_state[NAME], st.session_state[SHOWN] = name, []


def shown() -> list[Block]:
    """What the page has shown, and will: the list grows with it."""
    blocks: list[Block] = st.session_state[SHOWN]
    return blocks


def say(how: Literal["subheader", "markdown", "caption", "warning", "info"], text: str) -> None:
    """Words in Markdown, as Streamlit's function of that name shows them."""
    getattr(st, how)(text)
    shown().append((how, re.sub(r"\*\*|`|\\(.)", r"\1", text), ""))


def warn(texts: Iterable[str]) -> None:
    """Warnings, a line each; nothing where there are none."""
    if lines := list(texts):
        say("warning", "\n\n".join(lines))


def show_formula(latex: str) -> None:
    """A formula in LaTeX."""
    st.latex(latex)
    shown().append(("formula", latex, ""))


def show_table(rows: Sequence[Mapping[str, Any]], alt: str, **more: Any) -> Any:
    """Rows under the names of their cells."""
    shown().append(("table", rows, alt))
    return st.dataframe(rows, hide_index=True, alt=alt, **{"height": "content"} | more)


def pinned(name: str, width: int | None = None) -> dict[str, Any]:
    """The setting of a table's column that stays in sight, as wide [pixels]."""
    return {name: st.column_config.Column(pinned=True, width=width)}


def show_command(text: str) -> None:
    """A command to copy, in one colour: those of a shell script cannot all be read in light and dark."""
    st.code(text, language=None, wrap_lines=True)


def show_chart(figure: go.Figure, alt: str, **more: Any) -> Any:
    """A chart that can be saved as PNG, with the text that stands for it; its labels are as much read as the text."""
    figure.update_layout(font_color=ink())
    for axes in (figure.update_xaxes, figure.update_yaxes):
        axes(tickfont_color=ink(), title_font_color=ink())
    shown().append(("chart", figure, alt))
    picture = {"filename": f"costmodel-{st.session_state[NAME]}", "width": WIDTH, "scale": 3}
    picture["height"] = figure.layout.height
    bar = {"displaylogo": False, "modeBarButtons": [["toImage"]], "toImageButtonOptions": picture}
    return st.plotly_chart(figure, config=bar, alt=alt, **more)


def named_rows(figure: go.Figure) -> None:
    """Rows from the top down."""
    figure.update_yaxes(autorange="reversed", automargin=True, fixedrange=True)


def ink() -> Any:
    """The theme's colour of text, for labels that are as much read as the text."""
    return st.get_option(f"theme.{st.context.theme.type or 'light'}.textColor")
