"""costmodel explain."""

from __future__ import annotations

import json

import click

from costmodel.cli.options import output_option, read, scenario_options


@click.command()
@click.argument("figure")
@scenario_options
@click.option("--depth", type=click.IntRange(1, 50), default=3, show_default=True, help="Levels of formulas to open.")
@output_option("text", "json")
def command(
    figure: str, scenario: str | None, changes: tuple[str, ...], depth: int, output: str, **flags: str | None
) -> int:
    """The working of FIGURE, for example totals.cost_usd or performance.mfu.

    SCENARIO is a YAML or JSON file, or - for standard input; the four flags make one without a file.

    \b
    Example:
      costmodel explain totals.cost_usd --model llama-3.1-8b --hardware h100-sxm --devices 64 --workload train
    """
    if scenario is None and figure.endswith((".yaml", ".yml", ".json")):
        raise click.UsageError(f"FIGURE is missing; write for example: costmodel explain totals.cost_usd {figure}")
    from costmodel.api import estimate
    from costmodel.report.explain import lines, tree, working
    from costmodel.report.text import sentence

    source, said = read(scenario, flags, changes)
    answer = estimate(source, [*said, "ranges=false"])
    node = working(answer.resolved, figure)
    if output == "json":
        found = tree(node, figure, depth)
        click.echo(json.dumps({"schema": "costmodel/explain/1", "fits": answer.fits} | found, indent=1))
        return 0 if answer.fits else 3
    if not answer.fits:
        click.echo(sentence(answer))
    for line in lines(node, figure, depth):
        click.echo(line)
    return 0 if answer.fits else 3
