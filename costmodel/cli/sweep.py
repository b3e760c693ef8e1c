"""costmodel sweep."""

from __future__ import annotations

import json

import click

from costmodel.cli.options import output_option, read, scenario_options


@click.command()
@scenario_options
@click.option(
    "--over", "axes", multiple=True, required=True, metavar="PATH=A,B,C", help="An axis; several form a product."
)
@output_option("text", "json", "csv")
def command(
    scenario: str | None, changes: tuple[str, ...], axes: tuple[str, ...], output: str, **flags: str | None
) -> None:
    """A table over axes of a scenario.

    SCENARIO is a YAML or JSON file, or - for standard input; the four flags make one without a file.

    \b
    Example:
      costmodel sweep examples/llama-3.1-8b.yaml --over devices=64,128,256
    """
    from costmodel.report.sweep import as_text
    from costmodel.report.table import columns
    from costmodel.sweeping import sweep, typed_axes

    source, overrides = read(scenario, flags, changes)
    values = typed_axes(axes)
    found = sweep(source, values, overrides=overrides)
    if output == "csv":
        click.echo(columns(found), nl=False)
    elif output == "json":
        click.echo(
            json.dumps({k: [None if v != v else v for v in c.tolist()] for k, c in found.items()}, allow_nan=False)
        )
    else:
        click.echo(as_text(found, list(values)))
