"""costmodel catalog."""

from __future__ import annotations

import json

import click

from costmodel.cli.options import output_option, paged

TABLES = ("models", "hardware", "prices", "grids", "engines", "profiles")


@click.command()
@click.argument("table", type=click.Choice(TABLES), required=False)
@click.argument("name", required=False)
@output_option("text", "json", "csv")
def command(table: str | None, name: str | None, output: str) -> None:
    """What is known: list a TABLE, or show the entry called NAME with its source.

    A NAME that is only a part of names lists all that have it.

    \b
    Example:
      costmodel catalog hardware h100-sxm
      costmodel catalog hardware h100
      costmodel catalog prices storage
    """
    from costmodel.report import catalog as show

    if table is None:
        click.echo("\n".join(f"{each:10}{meaning}" for each, meaning in show.TABLES.items()))
        return
    if name is None:
        for wrong in show.unreadable(table).values():
            click.echo(f"costmodel: left out: {wrong}", err=True)
    found = show.entries(table) if name is None else show.found(table, name)
    if output == "json":
        click.echo(json.dumps(found, indent=1))
    elif output == "csv":
        click.echo(show.as_table(table, found), nl=False)
    else:
        paged(show.as_text(table, found))
