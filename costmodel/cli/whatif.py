"""The what-ifs of costmodel plan: each asks one question of a scenario."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from costmodel.cli.options import KEYS, output_option, read, scenario_options


def _question(name: str, help_text: str, *options: Callable[[Any], Any]) -> click.Command:
    """A command that hands its options, as typed, to the function of the same name in costmodel.plan."""

    def ask(scenario: str | None, changes: tuple[str, ...], output: str, **said: Any) -> int:
        from costmodel import plan
        from costmodel.plan.money import DoesNotFit

        flags = {key: said.pop(key) for key in KEYS}
        source, overrides = read(scenario, flags, changes)
        given = {option: value for option, value in said.items() if value not in (None, ())}
        try:
            _show(getattr(plan, name)(source, overrides=overrides, **given), output)
        except DoesNotFit as error:
            click.echo(f"costmodel: {error}", err=True)
            return 3
        return 0

    for decorate in (output_option("text", "json", "csv"), *reversed(options), scenario_options):
        ask = decorate(ask)
    return click.command(name, help=help_text)(ask)


def _show(answer: Any, output: str) -> None:
    from costmodel.report import whatif

    if output == "json":
        click.echo(json.dumps(whatif.data(answer), indent=1, allow_nan=False))
    else:
        click.echo(whatif.csv(answer) if output == "csv" else whatif.render(answer), nl=output != "csv")


@click.command()
@click.argument("name")
@output_option("text", "json", "csv")
def benchmark(name: str, output: str) -> None:
    """Steps to a benchmark's target by batch.

    \b
    Example:
      costmodel plan benchmark resnet
    """
    from costmodel import plan

    _show(plan.benchmark(name), output)


COMMANDS = (
    _question(
        "fleet",
        """Training on several kinds of device at once.

        \b
        Example:
          costmodel plan fleet examples/llama-3.1-8b.yaml --set devices=32 --add a100-sxm-80gb=32
        """,
        click.option("--add", metavar="HARDWARE=COUNT,…", help="Devices beside those of the scenario.", required=True),
    ),
    _question(
        "scale",
        """Where adding devices stops paying.

        \b
        Example:
          costmodel plan scale examples/llama-3.1-8b.yaml --least 0.8
        """,
        click.option("--least", metavar="SHARE", help="Least gain of a doubling that pays; 0.5 if unsaid."),
    ),
    _question(
        "buy",
        """Rent or buy, by how much devices are used.

        \b
        Example:
          costmodel plan buy examples/llama-3.1-8b.yaml --set hardware=h200-sxm --period "3 years"
        """,
        click.option("--period", metavar="TIME", help="Time that the answer covers; 3 years if unsaid."),
    ),
    _question(
        "batch",
        """Time, cost and loss of training by global batch.

        \b
        Example:
          costmodel plan batch examples/llama-3.1-8b.yaml
        """,
    ),
    benchmark,
    _question(
        "optimiser",
        """Steps to a target with other optimisers.

        \b
        Example:
          costmodel plan optimiser examples/llama-3.1-8b.yaml --method muon --method sgd
        """,
        click.option("--method", metavar="NAME", multiple=True, help="An optimiser; may be given several times."),
    ),
    _question(
        "compress",
        """Cost and quality of a model compressed.

        \b
        Example:
          costmodel plan compress examples/llama-3.1-70b-serve.yaml
        """,
        click.option(
            "--chain",
            metavar="STEPS",
            multiple=True,
            help="A compression; may be given several times; none, fp8 and int4 if unsaid.",
        ),
    ),
    _question(
        "feed",
        """Reading and tokenising the training data.

        \b
        Example:
          costmodel plan feed examples/llama-3.1-8b.yaml --cores 14
        """,
        click.option("--cores", metavar="COUNT", help="Processor cores of the hosts per device; 14 if unsaid."),
    ),
    _question(
        "sleep",
        """Energy of a service that often waits.

        \b
        Example:
          costmodel plan sleep examples/llama-3.1-70b-serve.yaml --set "traffic.request_rate=0.002 /s"
        """,
    ),
)
