"""costmodel compare."""

from __future__ import annotations

import json

import click

from costmodel.cli.options import output_option


@click.command()
@click.argument("scenarios", nargs=-1, required=True)
@click.option("--set", "changes", multiple=True, metavar="PATH=VALUE", help="Change one value in all of them.")
@output_option("text", "json", "csv")
def command(scenarios: tuple[str, ...], changes: tuple[str, ...], output: str) -> None:
    """Two or more scenario files side by side.

    \b
    Example:
      costmodel compare examples/llama-3.1-8b.yaml examples/gpt-3.yaml
    """
    from costmodel.api import estimate
    from costmodel.report.compare import as_csv, as_text

    answers = {name: estimate(name, changes) for name in scenarios}
    if output == "json":
        click.echo(json.dumps({name: a.as_dict() for name, a in answers.items()}, indent=1, allow_nan=False))
    else:
        click.echo((as_csv if output == "csv" else as_text)(answers), nl=output != "csv")
