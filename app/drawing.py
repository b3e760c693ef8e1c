"""How every chart looks, and how it is shown with the text that stands for it."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import streamlit as st

PART, WHOLE = "#0072B2", "#E69F00"  # of Okabe and Ito's palette, told apart with every common kind of colour blindness
GREY = "#7F7F7F"
LEGEND = {"orientation": "h", "yanchor": "bottom", "y": 1.0, "xanchor": "left", "x": 0}
MARGIN = {"l": 0, "r": 0, "t": 24, "b": 0}
BAR = {
    "displaylogo": False,
    "modeBarButtons": [["toImage"]],
    "toImageButtonOptions": {"filename": "costmodel", "scale": 3},
}


def show_chart(figure: go.Figure, alt: str, **more: Any) -> Any:
    """A chart that can be saved as PNG, with the text that stands for it."""
    return st.plotly_chart(figure, config=BAR, alt=alt, **more)


def named_rows(figure: go.Figure) -> None:
    """Rows from the top down, with names that are as much read as the text."""
    figure.update_yaxes(autorange="reversed", automargin=True, fixedrange=True, tickfont_color=ink())


def ink() -> Any:
    """The theme's colour of text, for labels that are as much read as the text."""
    return st.get_option(f"theme.{st.context.theme.type or 'light'}.textColor")
