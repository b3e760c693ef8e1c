"""What pages share: the cached call of the library, and how its answers are drawn. Nothing here computes a cost."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.elements.lib.mutable_expander_container import ExpanderContainer

from costmodel import api, profile
from costmodel.api import Estimate
from costmodel.app import drawing
from costmodel.app.drawing import PART, WHOLE
from costmodel.catalog import CatalogError, grids, hardware, models
from costmodel.fields import LONGEST_NUMBER
from costmodel.job import STATUSES
from costmodel.loading import load
from costmodel.report import command as report
from costmodel.report.catalog import places
from costmodel.report.quantities import range_of, show
from costmodel.scenario import Scenario
from costmodel.source import ScenarioError
from costmodel.trace import Node

CLEAR = 0.05  # a smaller share of the spread is hard to tell from chance in a few hundred draws
AUTOMATIC = "automatic"
SET = "set"  # of a tree: what else the visitor said, as `--set` takes it
REFUSED = "refused scenario"  # of the session: why a file or an address is no scenario, until it is said
PAGE = "page"  # of the session: the address of the page that it is at
ARRIVES = "arrives"  # of the session: whether the visitor has just come to the page
HEADLINE = "cost per million output tokens"
HOME = ("localhost", "127.0.0.1", "::1")

IDS: dict[str, Callable[[str], str]] = {
    "model": lambda name: models.model(name).id,
    "hardware": lambda name: hardware.device(name).id,
    "grid": lambda name: next(place for place, code in places().items() if code == grids.intensity(name).code),
}
WRONG = (ScenarioError, CatalogError, profile.ProfileError)  # what a scenario can be wrong by
WIDE = drawing.pinned("figure", 190)

Choice = TypeVar("Choice", str, int)
Tree = dict[str, Any]  # a scenario as a visitor describes it


def scenario(tree: Mapping[str, Any]) -> Scenario:
    """The scenario that a visitor describes. Raises ScenarioError; reads no file."""
    return load({name: value for name, value in tree.items() if name != SET}, tree.get(SET, ()), allow_files=False)


def estimate(tree: Mapping[str, Any], name: str = "") -> Estimate | None:
    """The library's answer to a scenario; None after its error is shown in plain words, with `name` before them."""
    try:
        return _estimate(json.dumps(tree), measured_when())
    except WRONG as error:
        st.error(plain(f"{name}{error}"), icon=":material/error:")
        return None


@st.cache_data(max_entries=200, show_spinner=False)
def _estimate(tree: str, measured: tuple[int, ...] = ()) -> Estimate:
    return api.estimate(scenario(json.loads(tree)))


def headline(labels: Iterable[str]) -> int:
    """The place of the figure that a page starts with: of serving the cost of an answer, else that of the whole."""
    known = list(labels)
    return known.index(HEADLINE if HEADLINE in known else "cost")


def measured_when() -> tuple[int, ...]:
    """When the user's own profiles changed: an answer from before is none any more."""
    return tuple(sorted(path.stat().st_mtime_ns for path in profile.user_folder().glob("*.json")))


def renamed() -> dict[str, list[str]] | None:
    """What the address says, with other names of models, devices and grids replaced by those of the inputs.

    None where nothing is to be replaced.
    """
    address = {name: st.query_params.get_all(name) for name in st.query_params}
    found = dict(address)
    for name, (*_, said) in address.items():
        if look_up := IDS.get(name.partition("_")[0]):
            with suppress(CatalogError):
                found[name] = [look_up(said)]
    return found if found != address else None


def top(title: str) -> DeltaGenerator:
    """The title, and the place right below it where the answer comes: in sight on a telephone too."""
    st.title(title)
    return st.container()


def folded(label: str, key: str) -> ExpanderContainer:
    """A part of a page that is computed and drawn only where its `open` says so; the address keeps it open."""
    return st.expander(f"**{label}**", key=key, bind="query-params")


def switch(label: str, options: Sequence[Choice], default: Choice, key: str) -> Choice:
    """One of several things side by side, which the address carries too: the default where it says nothing of them."""
    said = st.segmented_control(label, options, default=default, required=True, key=key, bind="query-params")
    return default if said is None else said


def arrived() -> dict[str, list[str]]:
    """What the address says to a page whose inputs are still to come.

    Only a visitor who arrives has an address that the inputs did not write.
    """
    return {name: st.query_params.get_all(name) for name in st.query_params} if st.session_state.get(ARRIVES) else {}


def refused(address: Mapping[str, list[str]], complete: bool = False) -> None:
    """Say what of the address, or of a file, the inputs could not take; if all are there, also what none asks for."""
    if whole := st.session_state.pop(REFUSED, None):
        st.error(plain(whole), icon=":material/error:")
    known = st.session_state.to_dict()  # session_state itself refuses some names, such as none
    for name, values in address.items():
        if name in known:
            chosen = known[name]
            several = chosen if isinstance(chosen, list) else [chosen]
            used = [str(each).lower() if each is True else str(each) for each in several if each is not None]
            unlike = [value for value in values if value not in used]
            instead = ", ".join(used) or ("none" if chosen is None else AUTOMATIC)
            why = f"which is not possible here; used: {instead}"
        else:
            unlike, why = values if complete else [], "which this page does not ask for"
        for value in unlike:
            st.warning(plain(f"The address says {name[:LONGEST_NUMBER]} = {value[:LONGEST_NUMBER]}, {why}."))


def at_home() -> bool:
    """Whether this page is served to its own machine alone: bound to it, and asked for by its own name."""
    host, origin = (st.context.headers.get(name) or "" for name in ("Host", "Origin"))
    asked = urlsplit(f"//{host}").hostname, urlsplit(origin).hostname
    return st.get_option("server.address") in HOME and all(name in HOME for name in asked)


@st.cache_data(max_entries=200, show_spinner=False)
def working(tree: str, figure: str, levels: int) -> list[tuple[str, str, str]]:
    """The steps of a figure's working: a heading, LaTeX with its numbers, and where it is from."""
    from costmodel.report import explain
    from costmodel.resolve import resolve

    node = explain.working(resolve(scenario(json.loads(tree))), figure)
    steps: dict[str, tuple[str, str, str]] = {}
    for heading, formula, origin in _steps(node, figure, levels):
        steps.setdefault(formula, (heading, formula, origin))  # a step that several figures share stands once
    return list(steps.values())


def _steps(node: Any, heading: str, levels: int) -> Iterator[tuple[str, str, str]]:
    from costmodel.readings import words
    from costmodel.report.steps import written

    if not isinstance(node, Node) or levels == 0 or not node.inputs:
        return
    yield heading, written(node), f"{node.formula.name} in SI units; {node.formula.source}" if node.formula else "sum"
    for name, child in node.inputs.items():
        if child or node.formula:
            yield from _steps(child, f"{words(name)} of {heading.partition(' of ')[0]}", levels - 1)


def plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return re.sub(r"([\\`*_{}\[\]()#+.!|~$:<>-])", r"\\\1", text)


def command_line(tree: Mapping[str, Any], command: str = "estimate", *more: str) -> str:
    """The same scenario as a command, with `more` after it."""
    changes = [word for change in tree.get(SET, ()) for word in ("--set", change)]
    return report.command_line({name: value for name, value in tree.items() if name != SET}, command, *changes, *more)


def bars(parts: Mapping[str, float], unit: str, **whole: float) -> None:
    """The parts end to end, largest first, and below them what they add up to and what to hold against it."""
    values = {name: value for name, value in sorted(parts.items(), key=lambda part: -part[1]) if value}
    measures = ["relative"] * len(values) + ["absolute"] * len(whole)
    values |= whole
    shown = {name: show(value, unit) for name, value in values.items()}
    figure = go.Figure(
        go.Waterfall(
            orientation="h",
            x=list(values.values()),
            y=[f"{name} <b>{value}</b>" for name, value in shown.items()],
            measure=measures,
            increasing_marker_color=PART,
            totals_marker_color=WHOLE,
            connector_visible=False,
            hoverinfo="skip",
        )
    )
    figure.update_layout(height=16 + 30 * len(values), margin=drawing.MARGIN | {"t": 0})
    figure.update_xaxes(visible=False, fixedrange=True)
    drawing.named_rows(figure)
    alt = "; ".join(f"{name} {value}" for name, value in shown.items())
    drawing.show_chart(figure, alt)


def drivers(answer: Estimate, total: str) -> None:
    """The assumptions that move a total most."""
    by_path = {a.path: a for a in answer.assumptions}
    lines = [
        f"- {share:.0%} `{path}` {plain(range_of(by_path[path]))}"
        for path, share in answer.drivers.get(total, [])
        if share >= CLEAR
    ]
    drawing.say("markdown", "\n".join(lines) or "Nothing uncertain moves it.")
    if lines:
        drawing.say("caption", "Share of the spread, assumption and its 80 % range. State the first ones to narrow it.")


def assumptions(answer: Estimate) -> None:
    """Every number that the estimate stands on, with its range, status and source."""
    rows = [
        {
            "assumption": a.path,
            "value": show(float(a.value), a.unit),
            "80 % range": range_of(a),
            "status": a.status,
            "source": a.source,
            "note": a.note,
        }
        for a in sorted(answer.assumptions, key=lambda a: STATUSES.index(a.status))
    ]
    alt = f"{len(rows)} assumptions with value, range, status and source."
    wide = drawing.pinned("assumption", 190) | {"note": st.column_config.Column(width=420)}
    drawing.show_table(rows, alt, height=420, column_config=wide)
