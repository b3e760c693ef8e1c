"""costmodel documents."""

from __future__ import annotations

import click

from costmodel.cli.options import paged


@click.command()
@click.option("--lever", metavar="NAME", help="What one of the articles' ways to save cost saves.")
def command(lever: str | None) -> None:
    """Five articles on what training and inference cost: formulas, examples checked, ways to save in numbers.

    \b
    Example:
      costmodel documents
      costmodel documents --lever mixed-hardware
    """
    if lever is None:
        from costmodel.documents import report

        paged(report())
    else:
        from costmodel.report import levers

        click.echo(levers.text(levers.named(lever)))
