"""From what a user gives (a file, standard input, a mapping, overrides) to a valid scenario, or to plain words."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from costmodel.compression.schema import ORDER, Distil, Prune, Quantise, Sparsify, in_full
from costmodel.fields import Base, Clash, figure
from costmodel.scenario import SHORTHAND, Adapters, DeviceSpec, Inference, Scenario, Serving, Staff, Training
from costmodel.shapes import ModelFamily, ModelShape, RecommenderShape, SpeechShape, TextEncoderShape, VisionShape
from costmodel.source import (
    DEEPEST,
    LARGEST_FILE,
    MOST_PROBLEMS,
    Document,
    Keys,
    Mark,
    Problem,
    ScenarioError,
    cut,
    parse,
    read_file,
    show,
)

# The class behind each part of a validation error's location: variants, which no user wrote, and sections.
VARIANTS: dict[str, type[Base] | None] = {
    **{
        "text": None,
        "[key]": None,
        "shape": ModelShape,
        "member": ModelFamily,
        "vision": VisionShape,
        "encoder": TextEncoderShape,
        "speech": SpeechShape,
        "recommender": RecommenderShape,
        "device": DeviceSpec,
        "team": Staff,
    },
    **{"train": Training, "finetune": Training, "serve": Serving, "infer": Inference},
    **{"quantise": Quantise, "prune": Prune, "sparsify": Sparsify, "distil": Distil},
}
# Sections that a scenario will have one day.
UNMODELLED = {("slo",)}
Override = str | tuple[str, Any]
SECTIONS: dict[str, type[Base]] = {
    name: info.annotation
    for name, info in Scenario.model_fields.items()
    if isinstance(info.annotation, type) and issubclass(info.annotation, Base)
} | {"adapters": Adapters}


def load(
    source: str | os.PathLike[str] | Mapping[str, Any] | Scenario,
    overrides: Sequence[Override] = (),
    base: str | os.PathLike[str] | None = None,
    *,
    allow_files: bool = True,
    lacking: Mapping[str, Any] | None = None,
) -> Scenario:
    """The scenario in a YAML or JSON file, on standard input ("-"), or in a mapping.

    `overrides` are texts such as "workload.tokens=1e12" or pairs of a path and a value, applied in order. A `model`
    or `student` that ends in .json is read as a Hugging Face configuration, relative to `base` (None: the scenario's
    folder), unless `allow_files` is False. `lacking` says what to take for a key of the scenario that is not there.
    Raises ScenarioError.
    """
    if isinstance(source, Mapping | Scenario):
        document = Document(marks=dict(source.written.marks) if isinstance(source, Scenario) else {})
        document.tree = _plain(source, (), document)
        return _resolve(document, overrides, Path(base or ""), allow_files, lacking)
    if not isinstance(source, str | os.PathLike):
        wrong = f"{show(source)} is no scenario; give a path, a mapping or a Scenario"
        raise ScenarioError([Problem("", None, None, "", wrong)])
    name = os.fspath(source)
    if name == "-":
        data = sys.stdin.buffer.read(LARGEST_FILE + 1)
        return loads(data, overrides, base, file="<stdin>", allow_files=allow_files, lacking=lacking)
    try:
        if not allow_files:
            raise ValueError("files are not read here; give the scenario itself")
        data = read_file(Path(name))
    except ValueError as error:
        raise ScenarioError([Problem(name, None, None, "", str(error))]) from None
    return loads(data, overrides, Path(name).parent if base is None else base, file=name, lacking=lacking)


def loads(
    data: str | bytes,
    overrides: Sequence[Override] = (),
    base: str | os.PathLike[str] | None = None,
    *,
    file: str = "scenario",
    allow_files: bool = True,
    lacking: Mapping[str, Any] | None = None,
) -> Scenario:
    """The scenario in YAML or JSON text; `file` is its name in messages. Otherwise as `load`."""
    document = parse(data, file)
    if not document.problems and not isinstance(document.tree, dict):
        found = "nothing is written here" if document.tree is None else f"{show(document.tree)} is no scenario"
        document.problems.append(Problem(file, 1, 1, "", f"{found}; write lines such as 'model: llama-3.1-8b'"))
    if not isinstance(document.tree, dict):
        raise ScenarioError(document.problems)
    return _resolve(document, overrides, Path(base or ""), allow_files, lacking)


def as_said(scenario: Scenario | Mapping[str, Any]) -> dict[str, Any]:
    """The scenario as plain data: what was said, without the defaults."""
    said = scenario.model_dump(exclude_none=True, exclude_unset=True) if isinstance(scenario, Scenario) else scenario
    return {
        name: value[SHORTHAND[name]]
        if name in SHORTHAND and isinstance(value, dict) and value.keys() == {SHORTHAND[name]}
        else value
        for name, value in said.items()
    }


def to_yaml(scenario: Scenario | Mapping[str, Any]) -> str:
    """The scenario as YAML: what was said, without the defaults."""
    import yaml

    return str(yaml.safe_dump(as_said(scenario), sort_keys=False, allow_unicode=True, width=120))


def _plain(value: Any, path: Keys, document: Document) -> Any:
    """A copy in plain dictionaries, which overrides may change."""
    if isinstance(value, Base):
        value = value.model_dump(exclude_none=True, exclude_unset=True)
    if not isinstance(value, Mapping | list | tuple):
        return value
    if len(path) > DEEPEST:
        document.report(path, f"nested more than {DEEPEST} deep; a scenario needs 4 levels")
        return None
    if not isinstance(value, Mapping):
        return [_plain(inner, (*path, str(place)), document) for place, inner in enumerate(value)]
    return {key: _plain(inner, (*path, str(key)), document) for key, inner in value.items()}


def _resolve(
    document: Document,
    overrides: Sequence[Override],
    base: Path,
    allow_files: bool,
    lacking: Mapping[str, Any] | None,
) -> Scenario:
    """The one way from a document to a scenario: overrides, then files it names, then validation."""
    for override in overrides:
        _override(document, override)
    document.tree |= {key: value for key, value in (lacking or {}).items() if key not in document.tree}
    for place, keys in _models(document.tree):
        written = place[keys[-1]].strip()
        if written.endswith(".json"):
            place[keys[-1]] = _configuration(document, keys, written, base, allow_files)
        elif allow_files and written.startswith((".", "/")) and (base / written / "config.json").is_file():
            document.report(keys, f"{cut(written, 120)} is a folder; write {written.rstrip('/')}/config.json")
    profile = document.tree.get("profile")
    if isinstance(profile, str) and profile.strip().endswith(".json"):
        document.tree["profile"] = str(base / profile.strip())
        if not allow_files:
            document.report(("profile",), "files are not read here; write the name of a profile")
    try:
        scenario = Scenario.model_validate(document.tree)
    except ValidationError as invalid:
        # Unknown keys first, since a misspelt key explains a missing one; a hostile file may have 100,000.
        errors = sorted(invalid.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
        misspelt: set[Keys] = set()
        for error in errors[: 10 * MOST_PROBLEMS]:
            _report(document, error, misspelt)
    if document.problems:
        raise ScenarioError(document.problems)
    return scenario.written_in(document)


def _override(document: Document, override: Override) -> None:
    """Put a value into the document: that of "path=value" (a YAML scalar or flow collection), or that of a pair."""
    text = override if isinstance(override, str) else f"{override[0]}={override[1]}"
    label, (path, equals, written) = cut(text, 60), text.partition("=")
    keys = tuple(path.strip().split("."))
    if not equals or not all(keys) or len(keys) > DEEPEST:
        document.problems.append(
            Problem("", None, None, "", f"{show(text)} is no override; write path=value, such as devices=64")
        )
        return
    if isinstance(override, str):
        parsed = parse(written, label)
        if parsed.problems:
            document.problems += [Problem(label, None, None, ".".join(keys), p.message) for p in parsed.problems]
            return
        value = parsed.tree
    else:
        value = override[1]
    section: Any = document.tree
    for depth, key in enumerate(keys):
        whole = ".".join(keys[depth:])
        if isinstance(section, dict) and whole in section:  # assumptions may be keyed by their paths
            section[whole] = value
            break
        place: Any = key
        if isinstance(section, list):
            place = int(key[:9]) if key.isascii() and key.isdigit() else len(section)
            if place >= len(section):
                known = ", ".join(map(str, range(len(section)))) or "none"
                wrong = f"there is no step {show(key)}; those of {keys[depth - 1]}, counted from 0, are {known}"
                document.problems.append(Problem(label, None, None, ".".join(keys[: depth + 1]), wrong))
                return
        if depth == len(keys) - 1:
            section[place] = value
            break
        inner = section[place] if isinstance(section, list) else section.get(key)
        if depth == 0 and key in SHORTHAND and isinstance(inner, str):
            inner = {SHORTHAND[key]: inner}
        if inner is not None and not isinstance(inner, dict | list):
            document.problems.append(
                Problem(label, None, None, ".".join(keys), f"{key} is {show(inner)} and has no parts; write a mapping")
            )
            return
        if inner is None:
            document.marks[keys[: depth + 1]] = Mark(label, None, None)
        section[place] = inner if inner else {}
        section = section[place]
    for below in [path for path in document.marks if path[: len(keys)] == keys]:
        del document.marks[below]
    document.marks[keys] = Mark(label, None, None)


def _models(tree: dict[str, Any]) -> list[tuple[dict[str, Any], Keys]]:
    """Where a scenario names a model: as its own, and as the student of a distillation, alone or in a chain."""
    places: list[tuple[dict[str, Any], Keys]] = [(tree, ("model",))]
    chain = tree.get("compression")
    if isinstance(chain, dict):
        places.append((chain, ("compression", "student")))
    elif isinstance(chain, list):
        steps = ((at, step) for at, step in enumerate(chain) if isinstance(step, dict))
        places += [(step, ("compression", str(at), "student")) for at, step in steps]
    return [(place, keys) for place, keys in places if isinstance(place.get(keys[-1]), str)]


def _configuration(document: Document, keys: Keys, written: str, base: Path, allow_files: bool) -> Any:
    """The shape in a Hugging Face config.json; after a problem, a name that stands in for it."""
    from costmodel.architectures.hf_config import shape

    try:
        if not allow_files:
            raise ValueError("files are not read here; write the shape as a mapping, or a catalog id")
        # float has no limit of digits
        config = json.loads(read_file(base / written), parse_int=float, object_pairs_hook=_once)
        return {"name": cut(written, 100), **shape(config)}
    except json.JSONDecodeError as error:
        document.report(keys, f"{cut(written)} is not valid JSON ({error.msg}, line {error.lineno}); mend it")
    except RecursionError:
        document.report(keys, f"{cut(written)} is nested too deep; write the path of a config.json")
    except UnicodeDecodeError:
        document.report(keys, f"{cut(written)} is not UTF-8 text; write the path of a config.json")
    except ValueError as error:
        document.report(keys, f"{cut(written)}: {error}")
    return "unreadable"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Raises ValueError for a key that is given twice."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key {show(key)} is given twice; remove one of them")
        found[key] = value
    return found


def _report(document: Document, error: ErrorDetails, misspelt: set[Keys]) -> None:
    """Note one validation error in plain words, at its place; `misspelt` collects the keys that were meant."""
    kind, parts = error["type"], tuple(map(str, error["loc"]))
    if kind == "default_factory_not_called":
        return  # follows from another error
    path = tuple(p for p in parts[:-1] if p not in VARIANTS)
    path += parts[-1:] if kind == "extra_forbidden" or (parts and parts[-1] not in VARIANTS) else ()
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, Clash):
        for name, message in cause.found:
            document.report((*path, *name.split(".")), message, clash=True)
        return
    if kind.startswith("union_tag"):
        path += (SHORTHAND.get(path[-1], "method"),)
    owner: type[Base] = Scenario
    for part in parts[: len(parts) - (kind == "extra_forbidden")]:
        owner = VARIANTS.get(part) or SECTIONS.get(part) or owner
    if kind == "extra_forbidden" and (near := _near(path[-1], list(owner.model_fields))):
        misspelt.add((*path[:-1], near))
    if kind == "missing" and path in misspelt:
        return
    at_key = kind in ("extra_forbidden", "invalid_key") or parts[-1:] == ("[key]",)
    document.report(path, str(cause) if cause else _words(error, kind, owner, path), at_key)


def _words(error: ErrorDetails, kind: str, owner: type[Base], path: Keys) -> str:
    """What a validation error means, and what to write instead."""
    value, context = error["input"], error.get("ctx", {})
    if kind == "form":
        return error["msg"]
    if kind == "missing":
        return f"is missing; add for example '{path[-1]}: {_example(owner, path[-1])}'"
    if path[-1] == "adapters" and isinstance(value, str):
        instead = in_full(value) or in_full("lora")
        return f"{show(value)} is not accepted; write {instead}"
    if kind == "extra_forbidden" and path in UNMODELLED:
        return f"{path[0]} is not modelled yet; leave it out"
    if kind == "extra_forbidden":
        meant = _elsewhere(path) or _choice(path[-1], list(owner.model_fields), "valid keys are")
        return f"unknown key {show(path[-1])}{meant}"
    if kind == "literal_error" and path[0] == "precision" and (stored := isinstance(value, str) and in_full(value)):
        return f"{show(value)} is no format to compute in; write {stored}"
    if kind == "literal_error":
        return f"{show(value)} is not accepted{_choice(value, _quoted(context['expected']))}"
    if kind == "union_tag_invalid":
        return f"{show(context['tag'])} is not accepted{_choice(context['tag'], _quoted(context['expected_tags']))}"
    if kind == "union_tag_not_found":
        return f"is missing; write {', '.join(ORDER) if path[-1] == 'method' else 'train, finetune, serve or infer'}"
    needs = {
        "string_type": "text, such as llama-3.1-8b",
        "bool_type": "true or false",
        "tuple_type": "a list of steps, such as [{method: quantise, weights: int4}]",
        "too_short": "at least one entry, such as {bf16: 989 TFLOP/s}",
        "dict_type": "a mapping, such as {bf16: 989 TFLOP/s}",
        "model_attributes_type": "train, finetune, serve or infer, or a mapping such as {kind: train, tokens: 1e12}",
        "invalid_key": "text as its key",
    }
    if path[0] == "compression":
        needs["model_attributes_type"] = "a step, such as {method: quantise, weights: int4}"
    mapping = f"a mapping; its keys are {', '.join(owner.model_fields)}"
    return f"needs {needs.get(kind, mapping)}" + (
        f", not {show(value)}" if kind in ("string_type", "bool_type") else ""
    )


def _elsewhere(path: Keys) -> str:
    """Where a key at the top of a scenario belongs, if it is one of a section's."""
    key = path[-1].rpartition(".")[2]
    owners = {name: owner for name, owner in SECTIONS.items() if name in Scenario.model_fields} | {"workload": Training}
    homes = [name for name, owner in owners.items() if key in owner.model_fields] if len(path) == 1 else []
    return f"; write {' or '.join(f'{home}: {{{key}: …}}, --set {home}.{key}=…' for home in homes)}" if homes else ""


def _quoted(text: str) -> list[str]:
    return re.findall(r"'([^']*)'", text)


def _near(written: Any, known: list[str]) -> str | None:
    from difflib import get_close_matches

    near = get_close_matches(written.lower(), known, 1, 0.7) if isinstance(written, str) and len(written) < 60 else []
    return near[0] if near else None


def _choice(written: Any, known: list[str], otherwise: str = "write one of") -> str:
    """The nearest known name, or all of them."""
    near = _near(written, known)
    return f"; did you mean {near!r}?" if near else f"; {otherwise} {', '.join(known)}"


def _example(owner: type[Base], name: str) -> str:
    info = owner.model_fields[name]
    found = figure(info)
    if found and not info.examples:
        return found.example
    return str((info.examples or ["…"])[0]).replace("'", "")
