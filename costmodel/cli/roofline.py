"""costmodel roofline."""

from __future__ import annotations

import json

import click

from costmodel.cli.options import output_option, read, scenario_options


@click.command()
@scenario_options
@output_option("text", "json", "csv")
def command(scenario: str | None, changes: tuple[str, ...], output: str, **flags: str | None) -> int:
    """A scenario's operators under the roofline of its device: what bounds each, and how near it gets.

    SCENARIO is a YAML or JSON file, or - for standard input; the four flags make one without a file.

    \b
    Example:
      costmodel roofline --model pythia-160m --hardware cpu-epyc-2core --devices 1 --workload infer
    """
    from costmodel.loading import load
    from costmodel.report import roofline as show
    from costmodel.roofline import roofline

    found = roofline(load(*read(scenario, flags, changes)))
    if output == "json":
        click.echo(json.dumps(show.as_dict(found), indent=1, allow_nan=False))
    else:
        click.echo(show.rows(found) if output == "csv" else show.render(found), nl=output != "csv")
    return 0 if found.fits else 3
