"""costmodel explain."""

from __future__ import annotations

import click

from costmodel.cli.options import read, scenario_options


@click.command()
@click.argument("figure")
@scenario_options
@click.option("--depth", type=click.IntRange(1, 50), default=3, show_default=True, help="Levels of formulas to open.")
def command(figure: str, scenario: str | None, changes: tuple[str, ...], depth: int, **flags: str | None) -> None:
    """The working of FIGURE, for example totals.cost_usd or performance.mfu.

    SCENARIO is a YAML or JSON file, or - for standard input; the four flags make one without a file.

    \b
    Example:
      costmodel explain totals.cost_usd --model llama-3.1-8b --hardware h100-sxm --devices 64 --workload train
    """
    if scenario is None and figure.endswith((".yaml", ".yml", ".json")):
        raise click.UsageError(f"FIGURE is missing; write for example: costmodel explain totals.cost_usd {figure}")
    from costmodel.loading import load
    from costmodel.report.explain import lines, working
    from costmodel.resolve import resolve

    resolved = resolve(load(*read(scenario, flags, changes)))
    for line in lines(working(resolved, figure), figure, depth):
        click.echo(line)
