"""What this machine can do, how well its laws fit, and where a model's operators stand under its roofline."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from costmodel import profile
from costmodel.app import calibrating, charts, checks, drawing, parts, taking
from costmodel.catalog import CatalogError
from costmodel.loading import load
from costmodel.model import models_known
from costmodel.report import machine
from costmodel.report import roofline as shown
from costmodel.roofline import Roofline, roofline
from costmodel.source import ScenarioError

KINDS = ("train", "finetune", "serve", "infer")
EXAMPLE = "pythia-160m"  # a model that every machine has room for


def inputs() -> tuple[str, dict[str, Any]]:
    """The device and the scenario whose operators are placed on its roofline."""
    devices, models = machine.measured(), models_known()
    with st.grid(3, min_column_width=160):
        name = st.selectbox("Device", devices, key="device", bind="query-params")
        model = st.selectbox("Model", models, models.index(EXAMPLE), key="model", bind="query-params")
        kind = st.selectbox("Workload", KINDS, key="workload", bind="query-params")
    return name, {"model": model, "hardware": name, "devices": 1, "workload": {"kind": kind}}


@st.cache_data(max_entries=50, show_spinner=False)
def placed(scenario: str, measured: tuple[int, ...]) -> Roofline:
    """The library's answer."""
    return roofline(load(json.loads(scenario), allow_files=False))


def show_roofline(tree: dict[str, Any]) -> Roofline | None:
    """The chart, and under it every operator in figures. Returns them, unless there is an error to say."""
    drawing.say("subheader", "Roofline")
    try:
        found = placed(json.dumps(tree), parts.measured_when())
    except (ScenarioError, CatalogError, profile.ProfileError) as error:
        st.error(parts.plain(str(error)), icon=":material/error:")
        return None
    drawing.say("markdown", parts.plain(shown.sentence(found)))
    drawing.warn(map(parts.plain, found.warnings))
    if not found.fits:
        st.warning("The job does not fit in the memory of one device; its operators are shown all the same.")
    charts.roofline(found)
    drawing.say(
        "caption",
        f"{parts.plain(shown.origin(found))} Operators without products (norms, sums, copies) have no place on the "
        "chart; above 100 % of the roofline data stay in the cache, or products are faster than the best one measured.",
    )
    for run, points in shown.runs(found).items():
        drawing.say("markdown", f"**{run.capitalize()}**, forward, each operator once")
        rows = [dict(zip(shown.HEADINGS, row, strict=True)) for row in shown.cells(points)]
        alt = f"{len(rows)} operators of {run}: {', '.join(shown.HEADINGS)}."
        height, wide = min(600, 38 + 35 * len(rows)), drawing.pinned(shown.HEADINGS[0], 160)
        drawing.show_table(rows, alt, height=height, column_config=wide)
    return found


def show_facts(name: str) -> None:
    """What is known of the device."""
    drawing.say("subheader", "Facts")
    rows = [{"fact": fact, "value": value} for fact, value in machine.facts(name)]
    st.table(rows, hide_index=True)
    drawing.shown().append(("table", rows, f"{len(rows)} facts of the device."))
    drawing.show_command(f"costmodel catalog hardware {name}")


def offer_calibration() -> None:
    """Measure this machine from here, where the visitor sits at it."""
    if not parts.at_home():
        st.caption(
            "To measure a machine, run `costmodel calibrate` on it, or `costmodel app` there and open this page."
        )
        return
    mine = calibrating.of_this_session()
    st.fragment(run_every=2 if mine.running else None)(_calibration)(mine)


def _calibration(mine: calibrating.Calibration) -> None:
    if mine.running:
        st.status(f"Measuring this machine: {parts.plain(mine.said)}", state="running")
        if st.button("Cancel"):
            mine.stop()
            st.rerun()
        return
    if mine.news:
        st.rerun()  # the whole page: it has a new profile to show
    if mine.failed:
        st.warning(f"No new profile: {parts.plain(mine.said)}")
    if st.button("Measure this machine", type="primary"):
        mine.start()
        st.rerun()  # so that the page follows its progress
    st.caption(
        "Runs `costmodel calibrate --quick`, about half a minute. Close what else computes on the machine first, "
        "or its figures will be too low."
    )


address, place = parts.arrived(), parts.top("This machine")
if parts.at_home() and calibrating.of_this_session().finished():
    st.session_state["device"] = profile.LOCAL
name, tree = inputs()
with place:
    parts.refused(address, complete=True)
try:
    made = profile.load(name)
except profile.ProfileError as error:
    place.error(parts.plain(str(error)), icon=":material/error:")
    offer_calibration()
    st.stop()
place.success(f"**{parts.plain(machine.sentence(made))}**")
if profile.LOCAL not in profile.names():
    place.info(f"This machine has not been measured yet. Shown is {parts.plain(name)}.")
offer_calibration()
found = show_roofline(tree)
left, right = st.columns([1, 2], gap="medium")
with left:
    show_facts(name)
with right:
    drawing.say("subheader", "Fit of its laws")
    checks.show_fit(name, made)
if profile.machine(name):
    checks.show_verification(name)
if found is not None:
    scenario = load(tree, allow_files=False)
    taking.along(shown.sentence(found), parts.command_line(tree, "roofline"), shown.rows(found), scenario)
