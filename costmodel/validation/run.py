"""A table to results: every row excluded, skipped or answered, in the table's order."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from costmodel.validation import inference, training
from costmodel.validation.predict import predict
from costmodel.validation.question import Kind, Question, Skip
from costmodel.validation.summary import Result, Validation
from costmodel.validation.table import MEASURED, Row, read

KINDS: dict[str, Kind] = {"training": training.KIND, "inference": inference.KIND}
BLOCK = 128  # rows whose draws are held in memory together

# What does not describe the run itself: names of the row, and results.
# fmt: off
NOT_CONFIGURATION = {
    "row_id", "source", "organisation", "reference", "date", "framework_version", "engine_version", *MEASURED,
    "tflops_per_device", "tflops_convention", "mfu", "tokens_per_s_per_device", "statistic", "energy_j_per_token",
    "energy_j_per_request", "config_completeness", "flag", "notes",
}
# fmt: on


class ValidationError(ValueError):
    """A request that validation cannot meet; the message is one line."""


@dataclass(slots=True)
class _Open:
    """A result that waits for its prediction."""

    place: int
    row: Row
    question: Question


def validate(
    source: str | os.PathLike[str], kind: str, progress: Callable[[int, int], None] | None = None
) -> Validation:
    """Predict every run of a CSV table and compare; `progress` is told how many rows of how many are done.

    Raises TableError for a table that cannot be read, ValidationError for an unknown kind.
    """
    if kind not in KINDS:
        raise ValidationError(f"kind {kind[:40]!r} is not validated; known are {', '.join(KINDS)}")
    how = KINDS[kind]
    rows = read(source, how.columns, how.measured_columns)
    results: list[Result] = []
    for start in range(0, len(rows), BLOCK):
        if progress is not None:
            progress(start, len(rows))
        results += _block(rows[start : start + BLOCK], how)
    if progress is not None:
        progress(len(rows), len(rows))
    return Validation(kind, _weighted(rows, results, how))


def _block(rows: list[Row], how: Kind) -> list[Result]:
    results: list[Result] = []
    waiting: list[_Open] = []
    for row in rows:
        for result in _results(row, how):
            if result.excluded is None:
                try:
                    question = how.ask(row, result.metric)
                    waiting.append(_Open(len(results), row, question))
                    result = replace(result, inferred=list(question.inferred))
                except Skip as reason:
                    result = replace(result, skipped=str(reason))
            results.append(result)
    for one, answer in zip(waiting, predict([one.question for one in waiting]), strict=True):
        result = results[one.place]
        if isinstance(answer, str):
            results[one.place] = replace(result, skipped=answer)
        else:
            prediction, outcome = answer
            naive = float(how.naive(one.row, one.question, outcome))
            results[one.place] = replace(
                result, predicted=prediction.value, p10=prediction.p10, p90=prediction.p90, naive=naive
            )
    return results


def _results(row: Row, how: Kind) -> Iterator[Result]:
    """A result to be filled in for each measurement of a row; one that is excluded if there is none."""
    measured = how.measured(row)
    flag = row.text("flag") or None
    why = flag or (None if measured else "nothing measured")
    for metric, value in (measured or {how.main_metric: None}).items():
        yield Result(
            row.text("row_id"),
            row.text("source"),
            metric,
            value,
            excluded=why,
            accelerator=row.text("accelerator"),
            family=row.text("family"),
        )


def _weighted(rows: list[Row], results: list[Result], how: Kind) -> list[Result]:
    """The results with weights: 1 over the number of counted repeats of the configuration in the same source."""
    configuration = [_configuration(row) for row in rows for _ in (how.measured(row) or {"": None})]
    repeats = Counter(
        (result.source, result.metric, config)
        for result, config in zip(results, configuration, strict=True)
        if result.excluded is None
    )
    return [
        replace(result, weight=1 / repeats[result.source, result.metric, config]) if result.excluded is None else result
        for result, config in zip(results, configuration, strict=True)
    ]


def _configuration(row: Row) -> tuple[tuple[str, str], ...]:
    return tuple((name, cell) for name, cell in row.cells.items() if name not in NOT_CONFIGURATION)
