"""What a visitor takes along from any page: the same as a command, its figures, its scenario, the page as one file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from urllib.parse import urlencode

import streamlit as st

from costmodel.app import drawing
from costmodel.app.asking import WHOLE
from costmodel.loading import to_yaml
from costmodel.report import html
from costmodel.scenario import Scenario

LONGEST_ADDRESS = 50_000  # characters: servers and browsers refuse somewhat longer ones


def along(
    sentence: str,
    command: str,
    csv: str | Callable[[], str],
    scenario: Scenario | None = None,
    called: str = "Scenario",
    report: Callable[[], str] | None = None,
) -> None:
    """The command to type, and files: figures, the scenario if there is one, and a report; else what the page shows."""
    st.subheader("Take it along")
    drawing.show_command(command)
    if not short({name: st.query_params.get_all(name) for name in st.query_params}):
        st.warning("The address of this page is too long to be opened again: keep the command or the files instead.")
    yaml, name = scenario and to_yaml(scenario), st.session_state[drawing.NAME]
    page = report or partial(html.sheet, sentence, drawing.shown(), command, yaml or "")
    with st.container(horizontal=True):
        if yaml:
            st.download_button(f"{called} as YAML", yaml, "scenario.yaml", "application/yaml", on_click="ignore")
        st.download_button("Figures as CSV", csv, f"{name}.csv", "text/csv", on_click="ignore")
        st.download_button("Report as HTML", page, f"{name}.html", "text/html", on_click="ignore")


def short(parameters: Mapping[str, str | list[str]]) -> bool:
    """Whether an address can carry these."""
    return len(urlencode(parameters, doseq=True)) <= LONGEST_ADDRESS


def link(scenario: Scenario, page: str, label: str) -> None:
    """A way to another page with this scenario."""
    address = {WHOLE: to_yaml(scenario)}
    if short(address):
        st.page_link(f"pages/{page}.py", label=label, icon=":material/open_in_new:", query_params=address)
    else:
        st.caption(f"{label}: too long for an address; upload it as a file instead.")
