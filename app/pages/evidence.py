"""How well predictions hold: whole published runs, the laws behind them, and workloads run here."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from costmodel import profile
from costmodel.app import charts, checks, drawing, parts, taking
from costmodel.report import evidence, machine
from costmodel.report.validation import COLUMNS, cells

HEADS = ("rows", "answered", *(heading for heading, *_ in COLUMNS))


def show_published(table: str) -> None:
    """What `costmodel validate` says of a table of published runs."""
    found = {group: evidence.in_words(judged) for group, judged in evidence.published()[table].items()}
    charts.errors(found["metric"])
    runs = evidence.runs(table)
    named = {evidence.words(name): name for name, _ in Counter(run.metric for run in runs).most_common()}
    metric = named[st.selectbox("Measured and predicted", list(named), key="metric", bind="query-params")]
    charts.published([run for run in runs if run.metric == metric], metric)
    for group, judged in found.items():
        rows = [dict(zip((group, *HEADS), row, strict=True)) for row in cells(judged)]
        alt = f"Errors of {len(rows)} {group}s: {', '.join(HEADS)}."
        drawing.show_table(rows, alt, column_config=drawing.pinned(group))
    drawing.say(
        "caption",
        "An error is exp|ln(predicted / measured)| − 1: twice and half as much are both 100 %. Repeats of one "
        "configuration count once. The naive rule: 40 % of dense peak for training, a plain roofline for inference, "
        "16 bytes a parameter for memory. A line for each metric and for each source with at least eight answers. "
        "`docs/validation.md` has the rules, and what stays unanswered.",
    )


def show_laws(name: str) -> None:
    """How well each law meets the records that it was fitted to, and where they come from."""
    made = profile.load(name)
    drawing.say("markdown", f"**{parts.plain(machine.sentence(made))}**")
    charts.errors(made["fit"])
    drawing.say(
        "caption",
        "An error is |predicted / measured − 1| over the records that a law was fitted to; of the profile `prior`, "
        "over devices that were left out. `docs/kernels.md` has the errors on records held out of every fit.",
    )
    checks.show_fit(name, made)
    drawing.say("subheader", "All profiles")
    drawing.say("caption", "Median error / bound of nine tenths of the errors.")
    table = evidence.overview()
    drawing.show_table(table, f"Errors of {len(table)} laws in every profile.", column_config=drawing.pinned("law"))
    drawing.say("subheader", "Where the records come from")
    sources = [{"law": law, "source": source, "records": count} for law, source, count in evidence.sources(made)]
    if sources:
        height = min(420, 38 + 35 * len(sources))
        drawing.show_table(sources, "Sources of records.", height=height)
    else:
        drawing.say("markdown", parts.plain(f"Measured on the machine itself: {machine.made_when(made)}."))


address, place = parts.arrived(), parts.top("Evidence")
tables, names = list(evidence.published()), evidence.profiles()
table = st.selectbox("Table of whole runs that were published", tables, key="table", bind="query-params")
place.success(f"**{parts.plain(evidence.standing(table))}**")
show_published(table)
drawing.say("subheader", "Laws of a profile")
name = st.selectbox("Profile", names, names.index("h100-sxm"), key="profile", bind="query-params")
show_laws(name)
if profile.LOCAL in profile.names():
    checks.show_verification(profile.LOCAL)
taking.along(evidence.standing(table), evidence.command(table), evidence.as_csv(table))
with place:
    parts.refused(address, complete=True)
