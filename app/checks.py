"""Real workloads beside their predictions, where they were run: on more than one page."""

from __future__ import annotations

import streamlit as st

from costmodel import profile
from costmodel.app import charts, drawing, parts
from costmodel.report import machine


def show_verification(name: str) -> None:
    """Real workloads beside their predictions, where they were run."""
    drawing.say("subheader", "Verification")
    try:
        rows = machine.verification(name)
    except profile.ProfileError as error:
        st.error(parts.plain(str(error)), icon=":material/error:")
        return
    if rows is None:
        drawing.say("markdown", "No workloads were run here beside their predictions. On the machine this runs some:")
    else:
        drawing.say("markdown", parts.plain(machine.verdict(rows)))
        charts.verified(rows)
        cells = [dict(zip(machine.VERIFIED, row, strict=True)) for row in machine.verified(rows)]
        drawing.show_table(cells, f"{len(cells)} cases, measured and predicted.")
    st.code("costmodel calibrate --verify", language=None, wrap_lines=True)
