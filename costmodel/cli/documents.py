"""costmodel documents."""

from __future__ import annotations

import click

from costmodel.cli.options import paged


@click.command()
def command() -> None:
    """Five articles on what training and inference cost: their formulas beside those used here, examples checked.

    \b
    Example:
      costmodel documents
    """
    from costmodel.documents import report

    paged(report())
