"""The scenario that several pages ask for: its inputs, its way from page to page, and from a file.

Streamlit forgets inputs when the page changes. What was said last is kept, and put into the inputs of the next page
unless its address says another scenario: as parameters, which the inputs read themselves, or whole, under `scenario`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib import resources
from typing import Any, get_args

import streamlit as st
from pydantic.fields import FieldInfo
from streamlit.errors import StreamlitAPIException

from costmodel.app import parts
from costmodel.app.parts import AUTOMATIC, REFUSED, SET, Tree
from costmodel.architectures import hf_config
from costmodel.fields import LONGEST_NUMBER, Base, Format, choices, figure
from costmodel.loading import as_said, loads
from costmodel.model import model as catalog_model
from costmodel.model import models_known
from costmodel.report.catalog import listing
from costmodel.report.command import argument
from costmodel.resolve import BUSY
from costmodel.scenario import Adapters, Inference, Serving, Traffic, Training
from costmodel.source import LARGEST_FILE, ScenarioError, cut

KINDS: dict[str, type[Base]] = {
    "train": Training,
    "finetune": Training,
    "serve": Serving,
    "infer": Inference,
}
# Inputs for what other sections than the workload say, by path: label, field, and what holds where nothing is said.
ELSEWHERE: dict[str, dict[str, tuple[str, FieldInfo, str]]] = {
    "finetune": {
        "workload.adapters.rank": ("Adapter rank (LoRA)", Adapters.model_fields["rank"], "all weights are trained")
    },
    "serve": {
        "traffic.request_rate": (
            "Request rate",
            Traffic.model_fields["request_rate"],
            f"{BUSY:.0%} of the most in flight",
        )
    },
}
DEFAULTS = {"workload": "train", "model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": "64"}
KEPT, WHOLE, FILE, READ = "kept scenario", "scenario", "scenario file", "file was read"
EXAMPLE, EXAMPLES = "example", resources.files("costmodel.examples")
MOST_CHANGES = 20
# What a visitor is most likely to look for among the changes.
SUCH_AS = {"train": "parallelism.tp=8", "finetune": "parallelism.tp=8"}
SUCH_AS |= {"serve": "traffic.concurrency=32", "infer": "precision.weights=fp8"}


def scenario() -> Tree:
    """The scenario that the visitor describes; the address of the page carries it."""
    _bring()
    kind = st.radio("Workload", list(KINDS), key="workload", bind="query-params", horizontal=True)
    with st.grid(4, min_column_width=160):
        model, hardware = (
            st.selectbox(name.capitalize(), names, names.index(DEFAULTS[name]), key=name, bind="query-params")
            for name, names in (("model", models_known()), ("hardware", listing("hardware")))
        )
        count = st.text_input("Devices", DEFAULTS["devices"], LONGEST_NUMBER, key="devices", bind="query-params")
        precision = st.selectbox("Precision", [AUTOMATIC, *get_args(Format)], key="precision", bind="query-params")
        work = {name: field(name, info) for name, info in _fields(kind).items() if _applies(name, model)}
        others = ELSEWHERE.get(kind, {}).items()
        more = {path: entry(path, *what) for path, what in others if _applies(path, model)}
    said = [f"{path}={value}" for path, value in more.items() if value] + _more(kind)
    st.session_state[KEPT] = {n: st.session_state.get(n, blank) for n, blank in (_blank(kind) | {SET: []}).items()}
    tree: Tree = {"model": model, "hardware": hardware, "devices": count, "workload": {"kind": kind}}
    tree["workload"] |= {name: value for name, value in work.items() if value}
    tree |= {} if precision == AUTOMATIC else {"precision": precision}
    return tree | ({SET: said} if said else {})


def _applies(name: str, model: str) -> bool:
    """Whether to ask for a field of the workload: not of a model that has no use for it, unless something is said."""
    if st.session_state.get(name, st.query_params.get(name)):
        return True
    changed = st.session_state.get(SET, st.query_params.get_all(SET))
    other = any(change.startswith("model") for change in changed)
    return other or not catalog_model(model, "").architecture.unused.intersection(name.split("."))


def field(name: str, info: FieldInfo) -> str | None:
    """What the visitor says for one field of the workload; None leaves it to the library."""
    label = name.replace("_", " ").capitalize()
    if names := choices(info):
        value = st.selectbox(label, [AUTOMATIC, *names], key=name, bind="query-params", help=info.description)
        return None if value == AUTOMATIC else value
    number = figure(info)
    hint = str(number.write(info.default)) if number and info.default is not None else AUTOMATIC
    return entry(name, label, info, hint)


def entry(key: str, label: str, info: FieldInfo, hint: str) -> str:
    """What the visitor writes for a field; `hint` stands there where that is nothing."""
    return st.text_input(
        label, "", LONGEST_NUMBER, key=key, bind="query-params", placeholder=hint, help=info.description
    ).strip()


def changes(key: str, label: str, kind: str = "train") -> list[str]:
    """Changes of anything in a scenario, as path=value."""
    return st.multiselect(
        label,
        st.session_state.get(key, []),
        key=key,
        bind="query-params",
        accept_new_options=True,
        max_selections=MOST_CHANGES,
        placeholder=f"path=value, such as {SUCH_AS[kind]}",
        help="Anything that a scenario file may say, such as costs.grid=SE or costs.price=2 USD/h; Enter adds it.",
    )


def apply(found: Mapping[str, Any]) -> None:
    """Take the changes that make a scenario fit; None leaves a path unsaid."""
    said = st.session_state.get(SET, [])
    st.session_state[SET] = [change for change in said if change.partition("=")[0].strip() not in found]
    for path, value in found.items():
        if path in st.session_state:
            st.session_state[path] = "" if value is None else str(value)
        elif value is not None:
            st.session_state[SET] = [*st.session_state[SET], f"{path}={value}"]


def _more(kind: str) -> list[str]:
    """All else that a scenario may say, as on the command line; or a file that says it."""
    left, right = st.columns([3, 2], gap="medium")
    with left:
        said = changes(SET, "Other assumptions", kind)
        names = list(examples())
        st.selectbox("Or start from an example", names, None, key=EXAMPLE, on_change=_take, placeholder="choose one")
    right.file_uploader(
        "Scenario file, or a model's config.json",
        ("yaml", "yml", "json"),
        key=FILE,
        on_change=_read,
        max_upload_size=1,
    )
    return said


@cache
def examples() -> dict[str, str]:
    """The scenarios that are shipped as files, by what their first line says of them."""
    texts = sorted(file.read_text(encoding="utf-8") for file in EXAMPLES.iterdir() if file.name.endswith(".yaml"))
    return {text.partition("\n")[0].removeprefix("# ").rstrip("."): text for text in texts}


def _take() -> None:
    """Put the example that was chosen into the inputs."""
    st.session_state[READ] = inputs_of(as_said(loads(examples()[st.session_state[EXAMPLE]], file="example")))
    st.session_state[EXAMPLE] = None


def _read() -> None:
    """Put an uploaded scenario into the inputs, or a model's shape among the changes."""
    file = st.session_state[FILE]
    if file is None:
        return
    try:
        config = _configuration(file.getvalue())
        if config is None:
            st.session_state[READ] = inputs_of(as_said(loads(file.getvalue(), file=file.name, allow_files=False)))
        else:
            apply({"model": None})
            name = str(config.get("_name_or_path") or "").strip()
            name = name if name.isprintable() and name else file.name
            shape = {"name": cut(name, 100), **hf_config.shape(config)}
            st.session_state[SET] = [*st.session_state[SET], f"model={json.dumps(shape)}"]
    except (ScenarioError, ValueError) as error:
        st.session_state[REFUSED] = f"{file.name}: {str(error).removeprefix(f'{file.name}:').strip()}"


def _configuration(data: bytes) -> dict[str, Any] | None:
    """The configuration of a model in a file; None for a file that is something else."""
    if len(data) > LARGEST_FILE:
        return None
    try:
        found = json.loads(data, parse_int=float)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "model_type" in found else None


def _bring() -> None:
    """Fill the inputs from a file, from a whole scenario in the address, or as they were on another page."""
    if read := st.session_state.pop(READ, None):
        _fill(read)
    if not st.session_state.get(parts.ARRIVES):
        return
    if whole := st.query_params.get(WHOLE):
        try:
            _fill(inputs_of(as_said(loads(whole, file="address", allow_files=False))))
        except ScenarioError as error:
            st.session_state[REFUSED] = str(error)
            del st.query_params[WHOLE]
    elif not st.query_params and (kept := st.session_state.get(KEPT)):
        _fill(kept)


def _fill(inputs: Mapping[str, Any]) -> None:
    """Come to this page again with these inputs in its address, which inputs that are new to a page do not write."""
    st.session_state.update(inputs)
    blank = _blank(inputs["workload"]) | DEFAULTS
    said = {name: value for name, value in inputs.items() if value and value != blank.get(name)}
    others = {name: st.query_params.get_all(name) for name in st.query_params if name not in (WHOLE, *inputs)}
    try:
        st.switch_page(f"pages/{st.session_state[parts.PAGE] or 'estimate'}.py", query_params=others | said)
    except StreamlitAPIException:  # the page has inputs already, which write themselves, and let nobody else
        for name, value in said.items():
            with suppress(StreamlitAPIException):
                st.query_params[name] = value


def inputs_of(said: Mapping[str, Any]) -> dict[str, Any]:
    """What each input says for a scenario; what has no input of its own is among the changes."""
    rest, work = dict(said), said["workload"]
    work = dict(work) if isinstance(work, Mapping) else {"kind": work}
    inputs = _blank(work.pop("kind"))
    inputs["workload"] = said["workload"] if isinstance(said["workload"], str) else said["workload"]["kind"]
    inputs["devices"] = str(rest.pop("devices"))
    for name, options in (("model", models_known()), ("hardware", listing("hardware"))):
        if isinstance(said[name], str) and said[name] in options:
            inputs[name] = rest.pop(name)
    if rest.get("precision") in get_args(Format):
        inputs["precision"] = rest.pop("precision")
    rest.pop("workload")
    for name in work.keys() & inputs.keys():
        inputs[name] = str(work.pop(name))
    changes: dict[str, Any] = {}
    for name, value in ({f"workload.{name}": value for name, value in work.items()} | rest).items():
        inner = {f"{name}.{key}": own for key, own in value.items()} if isinstance(value, Mapping) else {}
        changes |= {name: value} if name in ("model", "hardware") or not inner else inner
    for path in changes.keys() & ELSEWHERE.get(inputs["workload"], {}).keys():
        inputs[path] = str(changes.pop(path))
    return inputs | {SET: [f"{path}={argument(value)}" for path, value in changes.items()]}


def _fields(kind: str) -> dict[str, FieldInfo]:
    return {n: info for n, info in KINDS[kind].model_fields.items() if n not in ("kind", "adapters")}


def _blank(kind: str) -> dict[str, Any]:
    """The inputs of a kind of workload as they are before anyone said anything."""
    work = {name: AUTOMATIC if choices(info) else "" for name, info in _fields(kind).items()}
    return DEFAULTS | {"workload": kind, "precision": AUTOMATIC} | work | dict.fromkeys(ELSEWHERE.get(kind, {}), "")
