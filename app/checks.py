"""How good the predictions of a profile are: on more than one page."""

from __future__ import annotations

from typing import Any

import streamlit as st

from costmodel import profile
from costmodel.app import charts, drawing, parts
from costmodel.report import machine


def show_fit(name: str, made: dict[str, Any]) -> None:
    """How well each law of a profile meets the records that it was fitted to."""
    rows = [dict(zip(machine.FIT, row, strict=True)) for row in machine.fit(made)]
    alt = f"{len(rows)} laws with records, errors and warnings."
    drawing.show_table(rows, alt, column_config=drawing.pinned("law"))
    drawing.show_command(f"costmodel catalog profiles {name}")


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
    drawing.show_command("costmodel calibrate --verify")
