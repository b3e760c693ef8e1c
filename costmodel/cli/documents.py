"""costmodel documents."""

from __future__ import annotations

import click


@click.command()
def command() -> None:
    """The five documents' formulas beside the refined ones, and their worked examples checked.

    \b
    Example:
      costmodel documents
    """
    from costmodel.documents import report

    click.echo(report())
