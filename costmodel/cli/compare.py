"""costmodel compare."""

from __future__ import annotations

import json

import click

from costmodel.cli.options import output_option


@click.command()
@click.argument("scenarios", nargs=-1, required=True)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="[N:]PATH=VALUE",
    help="Change one value in all of them, or in the N-th alone.",
)
@output_option("text", "json", "csv")
def command(scenarios: tuple[str, ...], changes: tuple[str, ...], output: str) -> None:
    """Two or more scenarios side by side; one file may stand twice, with different changes.

    \b
    Example:
      costmodel compare examples/llama-3.1-8b.yaml examples/llama-3.1-8b.yaml --set 2:hardware=a100-sxm-80gb
    """
    from costmodel.api import estimate
    from costmodel.report.compare import as_csv, as_text

    if len(scenarios) == 1:
        raise click.UsageError(
            "compare needs two or more scenarios; name another, or this one twice with --set 2:PATH=VALUE"
        )
    answers = {}
    for number, (name, own) in enumerate(zip(scenarios, _by_design(changes, len(scenarios)), strict=True), 1):
        answers[name if scenarios.count(name) == 1 else f"{name} ({number})"] = estimate(name, own)
    if output == "json":
        click.echo(json.dumps({name: a.as_dict() for name, a in answers.items()}, indent=1, allow_nan=False))
    else:
        click.echo((as_csv if output == "csv" else as_text)(answers), nl=output != "csv")


def _by_design(changes: tuple[str, ...], designs: int) -> list[list[str]]:
    """The changes of each design, in order: those of all, and those with its number in front."""
    found: list[list[str]] = [[] for _ in range(designs)]
    for change in changes:
        number, colon, own = change.partition(":")
        if not (colon and number.isascii() and number.isdigit()):
            for mine in found:
                mine.append(change)
        elif 1 <= int(number[:9]) <= designs:
            found[int(number[:9]) - 1].append(own)
        else:
            raise click.UsageError(f"--set {number[:9]}: there are {designs} scenarios; write 1 to {designs}")
    return found
