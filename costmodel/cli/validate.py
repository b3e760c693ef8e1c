"""costmodel validate."""

from __future__ import annotations

import json
from pathlib import Path

import click

from costmodel.cli.options import FILE, output_option, require, write
from costmodel.cli.progress import progress
from costmodel.validation.run import KINDS, validate

LEAVE_OUT = ("source", "organisation", "accelerator", "model")


@click.command()
@click.argument("table", metavar="FILE.csv")
@click.option("--kind", required=True, type=click.Choice(tuple(KINDS)), help="What the rows measure.")
@click.option("--leave-out", type=click.Choice(LEAVE_OUT), help="Predict each group without having fitted on it.")
@click.option("--report", type=FILE, metavar="FILE", help="Also write a page to this file.")
@output_option("text", "json", "csv")
def command(table: str, kind: str, leave_out: str | None, report: Path | None, output: str) -> None:
    """Published runs, a row each, against what an estimate says of them; - is standard input.

    \b
    Example:
      costmodel validate tests/data/training_runs.csv --kind training
    """
    from costmodel.report import validation as show

    if report is not None:
        require("plotly", "--report", "app")
    if leave_out:
        click.echo(f"costmodel: nothing is fitted on such rows yet: --leave-out {leave_out} changes nothing", err=True)
    with progress() as tell:
        found = validate(table, kind, lambda done, total: tell(f"{done} of {total} rows"))
    if report is not None:
        write(report, show.as_html(found))
    if output == "json":
        click.echo(json.dumps(found.as_dict(), indent=1, allow_nan=False))
    else:
        click.echo(show.as_csv(found) if output == "csv" else show.as_text(found), nl=output != "csv")
