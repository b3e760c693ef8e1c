"""How well predictions hold: whole published runs, the laws behind them, and workloads run here."""

from __future__ import annotations

import streamlit as st

from costmodel import profile
from costmodel.app import charts, checks, parts
from costmodel.report import evidence, machine
from costmodel.report.validation import COLUMNS, cells

HEADS = ("rows", "answered", *(heading for heading, *_ in COLUMNS))


def show_published(table: str) -> None:
    """What `costmodel validate` says of a table of published runs."""
    st.success(f"**{parts.plain(evidence.standing(table))}**")
    found = evidence.published()[table]
    charts.errors(found["metric"])
    for group, judged in found.items():
        rows = [dict(zip((group, *HEADS), row, strict=True)) for row in cells(judged)]
        pinned = {group: st.column_config.Column(pinned=True)}
        alt = f"Errors of {len(rows)} {group}s: {', '.join(HEADS)}."
        st.dataframe(rows, hide_index=True, height="content", column_config=pinned, alt=alt)
    st.caption(
        "An error is exp|ln(predicted / measured)| − 1: twice and half as much are both 100 %. Repeats of one "
        "configuration count once. The naive rule: 40 % of dense peak for training, a plain roofline for inference, "
        "16 bytes a parameter for memory. A line for each metric and for each source with at least eight answers. "
        "`docs/validation.md` has the rules, and what stays unanswered."
    )
    st.code("costmodel validate tests/data/training_runs.csv --kind training", language="bash", wrap_lines=True)


def show_laws(name: str) -> None:
    """How well each law meets the records that it was fitted to, and where they come from."""
    made = profile.load(name)
    st.markdown(f"**{parts.plain(machine.sentence(made))}**")
    charts.errors(made["fit"])
    st.caption(
        "An error is |predicted / measured − 1| over the records that a law was fitted to; of the profile `prior`, "
        "over devices that were left out. `docs/kernels.md` has the errors on records held out of every fit."
    )
    rows = [dict(zip(machine.FIT, row, strict=True)) for row in machine.fit(made)]
    st.dataframe(rows, hide_index=True, height="content", alt=f"{len(rows)} laws with records, errors and warnings.")
    st.code(f"costmodel catalog profiles {name}", language="bash", wrap_lines=True)
    st.subheader("All profiles")
    st.caption("Median error / bound of nine tenths of the errors.")
    table = evidence.overview()
    st.dataframe(table, hide_index=True, height="content", alt=f"Errors of {len(table)} laws in every profile.")
    st.subheader("Where the records come from")
    sources = [{"law": law, "source": source, "records": count} for law, source, count in evidence.sources(made)]
    if sources:
        st.dataframe(sources, hide_index=True, alt=f"{len(sources)} sources of records.")
    else:
        st.markdown(parts.plain(f"Measured on the machine itself: {machine.made_when(made)}."))


st.title("Evidence")
address = parts.arrived()
st.subheader("Whole runs that were published")
tables, names = list(evidence.published()), evidence.profiles()
table = st.selectbox("Table", tables, key="table", bind="query-params")
show_published(table)
st.subheader("Laws of a profile")
name = st.selectbox("Profile", names, names.index("h100-sxm"), key="profile", bind="query-params")
parts.refused(address)
show_laws(name)
if profile.LOCAL in profile.names():
    checks.show_verification(profile.LOCAL)
