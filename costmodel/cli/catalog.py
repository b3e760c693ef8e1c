"""costmodel catalog."""

from __future__ import annotations

import json

import click

from costmodel.cli.options import output_option

TABLES = ("models", "hardware", "prices", "grids", "profiles")


@click.command()
@click.argument("table", type=click.Choice(TABLES), required=False)
@click.argument("name", required=False)
@output_option("text", "json")
def command(table: str | None, name: str | None, output: str) -> None:
    """What is known: list a TABLE, or show one entry with its source.

    \b
    Example:
      costmodel catalog hardware h100-sxm
    """
    from costmodel.report.catalog import as_text, entry, listing

    if table is None:
        click.echo("tables: " + ", ".join(TABLES) + "; for example: costmodel catalog hardware h100-sxm")
        return
    found = listing(table) if name is None else entry(table, name)
    if output == "json":
        click.echo(json.dumps(found, indent=1))
    elif isinstance(found, list):
        click.echo("\n".join(found))
    else:
        click.echo(as_text(table, found))
