"""costmodel estimate."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from costmodel.cli.options import output_option, read, scenario_options

if TYPE_CHECKING:
    from costmodel.api import Estimate


@click.command()
@scenario_options
@click.option(
    "--fail-over",
    "limits",
    multiple=True,
    metavar="TOTAL=LIMIT",
    help="Exit with 3 where a total is above a limit, such as cost='1 M USD' or cost_usd=1e6.",
)
@output_option("text", "json", "csv")
def command(
    scenario: str | None, changes: tuple[str, ...], limits: tuple[str, ...], output: str, **flags: str | None
) -> int:
    """What a scenario takes, with ranges.

    SCENARIO is a YAML or JSON file, or - for standard input; the four flags make one without a file.

    \b
    Example:
      costmodel estimate --model llama-3.1-8b --hardware h100-sxm --devices 64 --workload train
      costmodel estimate examples/llama-3.1-8b.yaml --fail-over cost="1 M USD" --fail-over time="30 days"
    """
    from costmodel.api import estimate

    bounds = [_limit(text) for text in limits]
    answer = estimate(*read(scenario, flags, changes))
    if output == "json":
        click.echo(json.dumps(answer.as_dict(), indent=1, allow_nan=False))
    elif output == "csv":
        from costmodel.report.table import rows

        click.echo(rows(answer), nl=False)
    else:
        from costmodel.report.text import render

        click.echo(render(answer))
    over = [name for name, bound in bounds if answer.fits and _told(answer, name, bound)]
    return 0 if answer.fits and not over else 3


def _limit(text: str) -> tuple[str, float]:
    """A total's name and its limit in the unit of that total. Raises UsageError and UnitError."""
    from costmodel.catalog.table import unknown
    from costmodel.report.text import EXAMPLES, LABELS, UNITS
    from costmodel.units import UnitError, count, parse, unit

    said, equals, value = text.partition("=")
    names = {label: name for name, label in LABELS.items()} | {name: name for name in LABELS}
    name = names.get(said.strip())
    if not equals:
        raise click.UsageError(f"--fail-over {text[:40]}: no limit; write for example cost='1 M USD'")
    if name is None:
        raise click.UsageError(f"--fail-over {text[:40]}: {unknown('total', said, {n: n for n in names})}")
    try:
        if said.strip() == name and value.strip()[-1:].isdigit():  # the name has the unit
            limit = count(value)
        else:
            limit = parse(value, UNITS[name], EXAMPLES[name]) / unit(UNITS[name])[0]
    except UnitError as error:
        raise UnitError(f"--fail-over {text[:40]}: {error}") from None
    if limit < 0:
        raise UnitError(f"--fail-over {text[:40]}: must be at least 0; write for example {EXAMPLES[name]!r}")
    return name, limit


def _told(answer: Estimate, name: str, bound: float) -> bool:
    """Whether a total is above its limit; says so on standard error."""
    from costmodel.report.quantities import show
    from costmodel.report.text import LABELS, UNITS

    value, unit = answer.totals[name], UNITS[name]
    if value > bound:
        click.echo(f"costmodel: {LABELS[name]} {show(value, unit, 4)} exceeds {show(bound, unit, 4)}", err=True)
    return bool(value > bound)
