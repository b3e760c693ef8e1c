"""costmodel sweep."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from costmodel import files
from costmodel.cli.options import apart, read, require, scenario_options, write
from costmodel.cli.progress import progress

if TYPE_CHECKING:
    from costmodel.sweeping import Stream

FORMS = ("text", "json", "csv", "parquet")


@click.command()
@scenario_options
@click.option("--over", "axes", multiple=True, required=True, metavar="PATH=VALUES", help="An axis, as below.")
@click.option("--ranges", is_flag=True, help="Add the 80 % range of every figure.")
@click.option("-o", "--output", type=click.Choice(FORMS), help="Form of the answer; by --out's ending, or text.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the table to this file.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Also draw it, in this HTML file.")
@click.option("--executor", metavar="WORKERS", help="Spread it over processes, or dask:ADDRESS.")
def command(
    scenario: str | None,
    changes: tuple[str, ...],
    axes: tuple[str, ...],
    ranges: bool,
    output: str | None,
    out: Path | None,
    plot: Path | None,
    executor: str | None,
    **flags: str | None,
) -> None:
    """A table over axes of a scenario; several axes form a product.

    \b
    An axis is a list or a range, its values written as in the scenario:
      devices=64,128,256             a list
      devices=8:512:x2               8, 16, 32 … 512
      costs.pue=1.1:1.5:5            5 values, evenly spaced
      workload.tokens=1e11:1e13:9:log    9 values with equal ratios

    SCENARIO is a YAML or JSON file, or - for standard input; the four flags make one without a file.

    \b
    Example:
      costmodel sweep examples/llama-3.1-8b.yaml --over devices=64,128,256
    """
    from costmodel.advice import idle
    from costmodel.loading import load
    from costmodel.sweeping import MOST_KEPT, MOST_POINTS, gather, lent, stream, typed

    if "-" in (str(out), str(plot)):
        raise click.UsageError("--out and --plot name files; leave --out out to have the table on standard output")
    apart(scenario, out=out, plot=plot)
    if plot is not None:
        require("plotly", "--plot", "app")
    lacking = lent(axes)
    source, overrides = read(scenario, flags, changes, lacking)
    base = load(source, overrides, lacking=lacking)
    form = output or (out.suffix.removeprefix(".") if out else "text")
    if form not in FORMS:
        raise click.UsageError(f"{out}: the ending says no form; write .csv, .json or .parquet, or -o csv")
    if form == "parquet" and out is None and sys.stdout.isatty():
        raise click.UsageError("Parquet is not for reading; write --out FILE.parquet")
    whole = plot is not None or form in ("text", "json")
    values = typed(base, axes)
    for warning in idle(base, values):
        click.echo(f"costmodel: warning: {warning}", err=True)
    found = stream(base, values, ranges=ranges, executor=executor, most=MOST_POINTS if whole else MOST_KEPT)
    if not whole:
        _save(form, out, found, found.points)
        return
    with progress() as tell:
        table = gather(_counted(found, tell), found.points)
    if plot is not None:
        from costmodel.report.sweep_chart import page

        write(plot, page(table, list(values)))
    if form == "text":
        from costmodel.report.sweep import as_text

        text = as_text(table, list(values), bars=out is None and sys.stdout.isatty())
        if out is None:
            click.echo(text)
        else:
            write(out, text + "\n")
    else:
        _save(form, out, [table], found.points)


def _counted(found: Stream, tell: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """The blocks of a sweep, and how many rows they make so far."""
    done = 0
    for block in found:
        done += len(block["feasible"])
        tell(f"{done:,} of {found.points:,} rows")
        yield block


def _save(form: str, out: Path | None, blocks: Iterable[dict[str, Any]], points: int) -> None:
    """The table on standard output, or in a file that keeps what is finished when it is interrupted."""
    from costmodel.report.sweep_file import save

    written = 0
    with progress() as tell:

        def count(rows: int) -> None:
            nonlocal written
            written = rows
            tell(f"{rows:,} of {points:,} rows")

        if out is None:
            save(form, sys.stdout.buffer, blocks, count)
            return
        try:
            with files.whole(out, keep=True) as file:
                save(form, file, blocks, count)
        except BaseException as error:
            if written and not isinstance(error, files.FileError):
                why = "interrupted" if isinstance(error, KeyboardInterrupt) else "stopped"
                click.echo(f"costmodel: {why}: {out} is whole up to row {written:,} of {points:,}", err=True)
            raise
        click.echo(f"costmodel: wrote {out}", err=True)
