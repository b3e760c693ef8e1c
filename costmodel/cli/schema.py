"""costmodel schema."""

from __future__ import annotations

import json

import click


@click.command()
def command() -> None:
    """JSON Schema of a scenario file.

    \b
    Example:
      costmodel schema
    """
    from costmodel.scenario import schema

    click.echo(json.dumps(schema(), indent=1))
