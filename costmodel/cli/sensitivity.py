"""costmodel sensitivity."""

from __future__ import annotations

import json

import click

from costmodel.cli.options import output_option, read, scenario_options


@click.command()
@scenario_options
@click.option("--total", default="cost_usd", show_default=True, metavar="NAME", help="The figure to explain.")
@output_option("text", "json", "csv")
def command(scenario: str | None, changes: tuple[str, ...], total: str, output: str, **flags: str | None) -> int:
    """What an answer hangs on: each assumption alone at both ends of its 80 % range.

    \b
    Example:
      costmodel sensitivity examples/llama-3.1-8b.yaml --total time_s
    """
    from costmodel.api import estimate
    from costmodel.loading import load
    from costmodel.report import sensitivity as show
    from costmodel.report.text import sentence
    from costmodel.tornado import sensitivity

    source, overrides = read(scenario, flags, changes)
    asked = load(source, overrides)
    answer = estimate(asked)
    if not answer.fits:
        click.echo(sentence(answer))
        return 3
    swings = sensitivity(asked, total)
    if output == "json":
        click.echo(json.dumps(show.as_dict(swings, answer, total), indent=1, allow_nan=False))
    else:
        click.echo(show.as_csv(swings) if output == "csv" else show.as_text(swings, answer, total), nl=output != "csv")
    return 0
