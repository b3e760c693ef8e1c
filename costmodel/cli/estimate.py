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
    metavar="FIGURE=LIMIT",
    help="Exit with 3 where a figure is above a limit, such as cost='1 M USD', ttft_s=0.3 or cost_usd.p90=1e6.",
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
    over = [said for bound in bounds if answer.fits and (said := _exceeded(answer, *bound))]
    if output == "json":
        click.echo(json.dumps(answer.as_dict(), indent=1, allow_nan=False))
    elif output == "csv":
        from costmodel.report.table import rows

        click.echo(rows(answer), nl=False)
    else:
        from costmodel.report.text import render

        click.echo(render(answer))
    for said in over:
        click.echo(f"costmodel: {said}", err=True)
    return 0 if answer.fits and not over else 3


def _limit(text: str) -> tuple[str, str, float]:
    """A figure's name, the percentile of its range (blank: the estimate itself), and the limit in the figure's unit.

    Raises UsageError and UnitError.
    """
    from costmodel.catalog.table import unknown
    from costmodel.report.text import LIMITED
    from costmodel.units import UnitError, count, parse, unit

    said, equals, value = text.partition("=")
    asked, _, percentile = said.strip().partition(".")
    names = {label: name for name, (label, *_) in LIMITED.items()} | {name: name for name in LIMITED}
    name = names.get(asked)
    if not equals:
        raise click.UsageError(f"--fail-over {text[:40]}: no limit; write for example cost='1 M USD'")
    if name is None:
        raise click.UsageError(f"--fail-over {text[:40]}: {unknown('limit', asked, {n: n for n in names})}")
    if percentile not in ("", "p10", "p50", "p90"):
        raise click.UsageError(f"--fail-over {text[:40]}: write {asked}, or {asked}.p10, .p50 or .p90 of its range")
    _, scale, example = LIMITED[name]
    try:
        if asked == name and value.strip()[-1:].isdigit():  # the name has the unit
            limit = count(value)
        else:
            limit = parse(value, scale, example) / unit(scale)[0]
    except UnitError as error:
        raise UnitError(f"--fail-over {text[:40]}: {error}") from None
    if limit < 0:
        raise UnitError(f"--fail-over {text[:40]}: must be at least 0; write for example {example!r}")
    return name, percentile, limit


def _exceeded(answer: Estimate, name: str, percentile: str, limit: float) -> str:
    """What is above its limit, in words; nothing where it is not. Raises UsageError for what the answer lacks."""
    from costmodel.ranges import figures
    from costmodel.report.quantities import show
    from costmodel.report.text import LIMITED

    (label, scale, _), found = LIMITED[name], figures(answer.outcome)
    if name not in found:
        raise click.UsageError(f"--fail-over {name}: workload {answer.resolved.kind} of this model has no {label}")
    if percentile and not answer.ranges:
        raise click.UsageError(f"--fail-over {name}.{percentile}: the scenario says ranges: false; leave that out")
    value = answer.ranges[name][percentile] if percentile else found[name]
    which = f" ({percentile})" if percentile else ""
    return f"{label}{which} {show(value, scale, 4)} exceeds {show(limit, scale, 4)}" if value > limit else ""
