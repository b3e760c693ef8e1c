"""A paragraph for a paper or a budget request: what came out, what was assumed, from where; and its bibliography."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import costmodel
from costmodel.catalog import bibliography
from costmodel.job import Assumption
from costmodel.notation import words
from costmodel.report import text
from costmodel.report.quantities import range_of, show
from costmodel.trace import nodes

if TYPE_CHECKING:
    from costmodel.api import Estimate

# What a reader asks for first, also when the ranges hardly depend on it.
ALWAYS = ("hardware.peak", "hardware.memory_bandwidth", "costs.price", "costs.pue", "costs.grid")
PLAIN = ("", "workload", "costs")  # sections whose figures need no section's name before them
UNCITED = ("definition", "costmodel-prior")  # not publications
LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {
    c: f"\\{c}" for c in "&%$#_{}"
}
LATEX |= {
    "–": "--",
    "×": r"$\times$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "→": r"$\to$",
    "µ": r"$\mu$",
    "<": "$<$",
    ">": "$>$",
}
LATEX |= {c: f"$^{{{i}}}$" for i, c in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
LAST_LETTER = 0x24F  # of what LaTeX sets without further packages


class Writer:
    """Writes text and citations, and keeps what has been cited, in order: ids of publications or texts that name one.

    Plain text cites by number.
    """

    def __init__(self) -> None:
        self.cited: list[str] = []

    def text(self, plain: str) -> str:
        return plain

    def cite(self, sources: Iterable[str]) -> str:
        """The citation of sources; nothing for what no publication says."""
        found = [source for source in sources if source not in UNCITED]
        self.cited += [source for source in dict.fromkeys(found) if source not in self.cited]
        return self.citation(found) if found else ""

    def citation(self, found: Iterable[str]) -> str:
        runs: list[list[int]] = []
        for number in sorted(self.cited.index(source) + 1 for source in found):
            if runs and runs[-1][-1] == number - 1:
                runs[-1].append(number)
            else:
                runs.append([number])
        return f" [{', '.join(f'{run[0]}–{run[-1]}' if len(run) > 2 else ', '.join(map(str, run)) for run in runs)}]"


class LatexWriter(Writer):
    """The same in LaTeX, cited by key."""

    def text(self, plain: str) -> str:
        return latex(plain)

    def citation(self, found: Iterable[str]) -> str:
        return f"~\\cite{{{','.join(key(source) for source in found)}}}"


def latex(plain: str) -> str:
    """Text as LaTeX sets it; letters of scripts that it does not know are left out."""
    return "".join(LATEX.get(c, c if ord(c) <= LAST_LETTER else "") for c in plain)


def key(source: str) -> str:
    """The key of a source in a bibliography."""
    return re.sub(r"[^a-z0-9]+", "-", source.lower())[:60].strip("-")


def methods(answer: Estimate) -> str:
    """The paragraph in plain text, with its numbered sources below."""
    writer = Writer()
    sentences = list(_sentences(answer, writer))
    listed = [f"[{number}] {reference(source)}" for number, source in enumerate(writer.cited, 1)]
    return "\n".join([*sentences, "", *listed] if listed else sentences)


def methods_latex(answer: Estimate) -> str:
    """The paragraph in LaTeX; `bibtex` has what it cites."""
    return "\n".join(_sentences(answer, LatexWriter()))


def bibtex(answer: Estimate) -> str:
    """BibTeX entries of what the paragraph cites."""
    writer = LatexWriter()
    list(_sentences(answer, writer))
    return "\n".join(_bibtex(source) for source in sorted(writer.cited))


def publications(answer: Estimate) -> list[str]:
    """The ids of the publications that the estimate's laws, formulas and assumptions name."""
    laws, formulas, used = _grounds(answer)
    named = {part.strip() for a in used for part in a.source.split(";")} | set(laws) | set(formulas)
    return sorted(source for source in named if bibliography.is_entry(source))


def reference(source: str) -> str:
    """A source in full."""
    if not bibliography.is_entry(source):
        return source
    entry = bibliography.entry(source)
    return f"{entry.work} {entry.where}"


def _sentences(answer: Estimate, writer: Writer) -> Iterator[str]:
    write = writer.text
    yield write(text.sentence(answer))
    if not answer.fits:
        return
    yield write(text.asked(answer))
    others = [f"{label} {value}{f' ({spread})' * bool(spread)}" for label, value, spread in text.totals(answer)[2:]]
    yield write(f"Further totals: {', '.join(others)}.")
    laws, formulas, used = _grounds(answer)
    method = (
        f"Estimated with costmodel {costmodel.__version__}: the times of the model's operators are added up, each by "
        "a law whose constants have been fitted to measurements"
    )
    yield f"{write(method)}{writer.cite(laws)}; other formulas are published ones{writer.cite(formulas)}."
    if answer.ranges:
        yield write("Ranges are the 10th to 90th percentile over draws of all uncertain assumptions.")
    moving = {path for shares in answer.drivers.values() for path, _ in shares} | set(ALWAYS)
    groups = {
        "Stated": [a for a in used if a.status == "given"],
        "Chosen by rule": [a for a in used if a.status == "inferred" and not a.path.startswith("parallelism.")],
        "Main inputs": [a for a in used if a.path in moving and a.status not in ("given", "inferred")],
    }
    for title, assumptions in groups.items():
        if assumptions:
            alike = groupby(assumptions, lambda a: (a.path.rpartition(".")[0], a.note, a.source, a.low, a.high))
            yield write(f"{title}: ") + "; ".join(_written(list(group), writer) for _, group in alike) + "."
    yield write(text.layout(answer))


def _grounds(answer: Estimate) -> tuple[list[str], list[str], list[Assumption]]:
    """What the totals stand on: publications of laws' constants, publications of formulas, assumptions that enter."""
    from costmodel.report.explain import workings

    found = workings(answer.resolved).items()
    below = list(nodes(node for name, node in found if name.startswith("totals.")))
    formulas = {node.formula.source for node in below if node.formula is not None}
    entered = {node.leaf.path for node in below if isinstance(node.leaf, Assumption)}
    said = ("given", "inferred")
    used = [a for a in answer.assumptions if a.value and (a.path in entered or a.status in said)]
    laws = {a.source for a in used if a.status == "fitted" and bibliography.is_entry(a.source)}
    return sorted(laws), sorted(formulas), used


def _written(alike: Sequence[Assumption], writer: Writer) -> str:
    """Assumptions of one section, range, note and source: names and values, then what they share."""
    first = alike[0]
    section = first.path.rpartition(".")[0]
    label = "" if section in PLAIN else f"{words(section.split('.')[-1])} "
    named = ((words(a.path.split(".")[-1]), show(float(a.value), a.unit)) for a in alike)
    values = (f"{name} {shown.removesuffix(f' {name}')}" for name, shown in named)  # people 8, not people 8 people
    said = [first.note.rstrip(".")] if first.note else []
    if spread := range_of(first):
        said.insert(0, spread)
    more = f" ({'; '.join(said)})" if said else ""
    written = writer.text(f"{label}{', '.join(values)}{more}")
    if first.status in ("given", "inferred"):
        return written
    return written + writer.cite(part.strip() for part in first.source.split(";"))


def _bibtex(source: str) -> str:
    if not bibliography.is_entry(source):
        return f"@misc{{{key(source)},\n  key = {{{key(source)}}},\n  howpublished = {{{latex(source)}}}\n}}\n"
    entry = bibliography.entry(source)
    fields = {
        "key": key(source),
        "title": f"{{{latex(entry.title)}}}",
        "year": entry.year,
        "howpublished": latex(entry.where),
    }
    if entry.year:  # of documents without one the authors are not known either
        names = re.split(r", | and ", entry.authors)
        fields["author"] = " and ".join(name if name == "others" else f"{{{latex(name)}}}" for name in names)
    if entry.link:
        fields["url"] = entry.link
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
    return f"@misc{{{key(source)},\n" + ",\n".join(lines) + "\n}\n"
