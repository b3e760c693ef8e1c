"""Pages that mkdocs makes from the program: the front page, formulas, publications, catalog, changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from costmodel.catalog import bibliography, rows
from costmodel.catalog.models import dense_decoders
from costmodel.formula import Formula, load_all
from costmodel.readings import latex, mathml

ROOT = Path(__file__).parent.parent
HARDWARE = ("id", "name", "year", "memory_gb", "memory_bandwidth_gbs", "bf16", "fp8", "link_gbs", "tdp_w", "source")
SHAPE = ("layers", "hidden", "heads", "kv_heads", "ffn", "vocab_size", "source")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made here."""
    registry = load_all()
    rooms = defaultdict(list)
    for formula in registry.values():
        rooms[room_of(formula)].append(formula)
    pages = {"index.md": front(), "changes.md": (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")}
    pages |= {f"formulas/{room}.md": formulas(room, found) for room, found in rooms.items()}
    pages |= {"formulas.md": index(rooms), "publications.md": publications(registry), "catalog.md": catalog()}
    for name, content in pages.items():
        files.append(File.generated(config, name, content=content))
    return files


def front() -> str:
    """The README, with links as they are from within the site."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = text.replace("](docs/", "](").replace("](CHANGELOG.md)", "](changes.md)")
    return text.replace("[LICENSE](LICENSE)", "LICENSE")


def index(rooms: dict[str, list[Formula]]) -> str:
    """All formulas by room: name, unit, first sentence."""
    parts = [
        "# Formulas",
        "Every figure comes from these functions; each page shows the ones of a room of the program.",
    ]
    for room, found in sorted(rooms.items()):
        lines = [[f"[{f.name}](formulas/{room}.md#{f.name})", f"`{f.unit}`", f.summary] for f in found]
        parts += [f"## {room}", table(["formula", "unit", "meaning"], lines)]
    return "\n\n".join(parts)


def formulas(room: str, found: Iterable[Formula]) -> str:
    """One room's formulas: meaning, notation, arguments with units, source."""
    return "\n\n".join([f"# Formulas: {room}", *map(entry, found)])


def entry(formula: Formula) -> str:
    """One formula."""
    source = bibliography.entry(formula.source)
    arguments = ", ".join(
        f"`{name}` [{unit}]{f' = {formula.defaults[name]:g}' if name in formula.defaults else ''}"
        for name, unit in formula.arguments.items()
    )
    parts = [
        f"## {formula.name}",
        "\n".join(line.strip() for line in (formula.__doc__ or "").strip().splitlines()),
        f'<div class="wide">{mathml(latex(formula))}</div>',
        f"Of {arguments}; in [{formula.unit}]. Source: [{source.id}](../publications.md#{source.id}), {source.title}.",
    ]
    if formula.refined_by:
        parts.append(f"In its place the program uses {', '.join(f'`{name}`' for name in formula.refined_by)}.")
    return "\n\n".join(parts)


def publications(registry: dict[str, Formula]) -> str:
    """The bibliography, with the formulas that cite each entry."""
    citing = defaultdict(list)
    for formula in registry.values():
        citing[formula.source].append(formula)
    parts = ["# Publications", "What formulas, laws and tables cite, by id."]
    for row in rows("bibliography"):
        each = bibliography.entry(row["id"])
        where = f"[{each.where}]({each.link})" if each.link else each.where
        names = ", ".join(f"[{f.name}](formulas/{room_of(f)}.md#{f.name})" for f in citing[each.id])
        parts.append(f"### {each.id}\n\n{each.work} {where}.{f' Formulas: {names}.' * bool(names)}")
    return "\n\n".join(parts)


def room_of(formula: Formula) -> str:
    """The room of the program that a formula lies in."""
    return formula.function.__module__.split(".")[1]


def catalog() -> str:
    """Devices and models with their sources; how to see the rest."""
    devices = [[row[column] for column in HARDWARE] for row in rows("hardware")]
    models = [[model.id, *(str(getattr(model, column, "") or "") for column in SHAPE)] for model in dense_decoders()]
    headings = [column.replace("_gbs", " GB/s").replace("_gb", " GB").replace("_w", " W") for column in HARDWARE]
    return "\n\n".join(
        [
            "# Catalog",
            f"Also {len(rows('prices'))} prices and {len(rows('grids'))} electricity grids: "
            "`costmodel catalog prices`, `costmodel catalog grids`. "
            "Every figure of an entry: `costmodel catalog hardware h100-sxm`.",
            "## Hardware",
            "Peaks are dense, in TFLOP/s.",
            table([heading.replace("_", " ") for heading in headings], devices),
            "## Dense decoder models",
            table(["id", *(column.replace("_", " ") for column in SHAPE)], models),
        ]
    )


def table(heading: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    heading = list(heading)
    body = [heading, ["---"] * len(heading), *lines]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in body)


def _cell(text: str) -> str:
    return escape(text, quote=False).replace("|", "\\|")
