"""Write the tables of docs/validation.md anew, and what the app shows of them: python docs/tables.py FOLDER.

FOLDER is the one that has the full tables.
"""

from __future__ import annotations

import gzip
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import costmodel
from costmodel.report.evidence import PUBLISHED, RUNS
from costmodel.report.table import as_csv
from costmodel.report.validation import COLUMNS, answered, cells
from costmodel.validation.question import RULES
from costmodel.validation.summary import Validation, by

PAGE = Path(__file__).with_name("validation.md")
TABLES = (
    ("training_runs_lm", "training", "Training of language models"),
    ("training_runs_other", "training", "Training of other models"),
    ("inference_runs_server", "inference", "Inference on data-centre accelerators"),
    ("inference_runs_local", "inference", "Inference on one machine, and older engines"),
)
LEAST, REASONS = 8, 12  # answers that make a source a line of its own; reasons listed


def section(title: str, found: Validation) -> str:
    """The tables of one validation."""
    headings = ["rows", "answered", *(heading for heading, _, _ in COLUMNS)]
    by_source = {name: s for name, s in by(found.results, "source").items() if s["answered"] >= LEAST}
    skipped = Counter(r.skipped for r in found.results if r.skipped).most_common(REASONS)
    excluded = Counter(r.excluded.split(":")[0].split("(")[0] for r in found.results if r.excluded)
    return "\n\n".join(
        [
            f"### {title}",
            markdown(["metric", *headings], cells(by(found.results, "metric"))),
            markdown([f"source (at least {LEAST} answered)", *headings], cells(by_source)),
            markdown(["not answered because", "measurements"], [[reason, str(n)] for reason, n in skipped]),
            f"Not counted: {', '.join(f'{flag} {n}' for flag, n in excluded.most_common(REASONS)) or 'nothing'}.",
        ]
    )


def markdown(heading: list[str], rows: Iterable[list[str]], words: int = 1) -> str:
    """A table whose first columns, `words` of them, are text and the others figures."""
    lines = [heading, ["---"] * words + ["---:"] * (len(heading) - words), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def rules() -> str:
    """The rules for what a row leaves open."""
    return markdown(
        ["what", "rule", "time", "memory"],
        [[name, rule.text, f"{rule.time:g}", f"{rule.memory:g}"] for name, rule in RULES.items()],
        words=2,
    )


def shipped(found: Mapping[str, Validation]) -> str:
    """The statistics by metric and by source as CSV, fractions to four digits."""
    lines: list[list[object]] = []
    for title, validation in found.items():
        for group in ("metric", "source"):
            for name, row in by(validation.results, group).items():
                if row["answered"] >= LEAST:
                    figures = {key: round(v, 4) if isinstance(v, float) else v for key, v in row.items()}
                    lines = lines or [["table", "group", "name", *figures]]
                    lines.append([title, group, name, *figures.values()])
    return as_csv(lines)


def runs(found: Mapping[str, Validation]) -> str:
    """Measurements with their predictions as CSV, to the three digits that a picture shows; equal ones once."""
    lines = dict.fromkeys(
        (title, r.metric, r.source, f"{r.measured:.3g}", f"{r.predicted:.3g}")
        for title, validation in found.items()
        for r in answered(validation)
    )
    return as_csv([("table", "metric", "source", "measured", "predicted"), *lines])


def between(page: str, name: str, made: str) -> str:
    """The page with `made` between the marks of this name."""
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, _, rest = page.partition(start)
    return f"{before}{start}\n\n{made}\n\n{end}{rest.partition(end)[2]}"


def main() -> None:
    """Replace what stands between the marks."""
    folder = Path(sys.argv[1])
    found = {title: costmodel.validate(folder / f"{name}.csv", kind) for name, kind, title in TABLES}
    PUBLISHED.write_text(shipped(found), encoding="utf-8")
    RUNS.write_bytes(gzip.compress(runs(found).encode(), mtime=0))
    made = [section(title, validation) for title, validation in found.items()]
    page = between(PAGE.read_text(encoding="utf-8"), "rules", rules())
    PAGE.write_text(between(page, "results", "\n\n".join(made)), encoding="utf-8")


if __name__ == "__main__":
    main()
