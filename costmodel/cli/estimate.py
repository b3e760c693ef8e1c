"""costmodel estimate."""

from __future__ import annotations

import json

import click

from costmodel.cli.options import output_option, read, scenario_options


@click.command()
@scenario_options
@output_option("text", "json", "csv")
def command(scenario: str | None, changes: tuple[str, ...], output: str, **flags: str | None) -> int:
    """What a scenario takes, with ranges.

    SCENARIO is a YAML or JSON file, or - for standard input; the four flags make one without a file.

    \b
    Example:
      costmodel estimate --model llama-3.1-8b --hardware h100-sxm --devices 64 --workload train
    """
    from costmodel.api import estimate

    answer = estimate(*read(scenario, flags, changes))
    if output == "json":
        click.echo(json.dumps(answer.as_dict(), indent=1, allow_nan=False))
    elif output == "csv":
        from costmodel.report.table import rows

        click.echo(rows(answer), nl=False)
    else:
        from costmodel.report.text import render

        click.echo(render(answer))
    return 0 if answer.fits else 3
