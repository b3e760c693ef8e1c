"""costmodel plan."""

from __future__ import annotations

import json

import click

from costmodel.cli import whatif
from costmodel.cli.options import output_option, read, scenario_options


@click.group()
def command() -> None:
    """What to choose, and what it would change.

    \b
    Example:
      costmodel plan size examples/plan-size.yaml --serve-tokens 1e12 --loss 2.1
    """


for asked in whatif.COMMANDS:
    command.add_command(asked)


@command.command()
@scenario_options
@click.option("--serve-tokens", metavar="TOKENS", help="Prompt and answer tokens over the model's life; 0 if unsaid.")
@click.option("--loss", metavar="NATS", help="Loss per token to reach, as served.")
@click.option("--budget", help="Money for training and serving, such as '5 M USD'.")
@click.option("--law", help="Scaling law; chinchilla-refit, or data-constrained with --unique-tokens, if unsaid.")
@click.option("--unique-tokens", metavar="TOKENS", help="New tokens there are; more are repeats.")
@click.option("--serve-set", "serve", multiple=True, metavar="PATH=VALUE", help="Change the serving scenario.")
@output_option("text", "json", "csv")
def size(
    scenario: str | None,
    changes: tuple[str, ...],
    serve_tokens: str | None,
    loss: str | None,
    budget: str | None,
    law: str | None,
    unique_tokens: str | None,
    serve: tuple[str, ...],
    output: str,
    **flags: str | None,
) -> int:
    """Parameters and tokens of the least cost of training plus serving.

    SCENARIO trains a model {family: llama, parameters: 13 B}; its size and tokens are what is chosen. Serving has the
    same hardware, devices and prices, unless --serve-set says otherwise.

    \b
    Example:
      costmodel plan size examples/plan-size.yaml --serve-tokens 1e12 --loss 2.1
      costmodel plan size examples/plan-size.yaml --budget "5 M USD" --serve-set compression=int4 --serve-tokens 1e13
    """
    from costmodel.plan.sizing import size as plan_size
    from costmodel.report import plan as report

    source, overrides = read(scenario, flags, changes)
    answer = plan_size(
        source,
        0.0 if serve_tokens is None else serve_tokens,
        loss=loss,
        budget=budget,
        law=law,
        unique_tokens=unique_tokens,
        overrides=overrides,
        serve=serve,
    )
    if output == "json":
        click.echo(json.dumps(answer.as_dict(), indent=1, allow_nan=False))
    elif output == "csv":
        click.echo(report.as_csv(answer), nl=False)
    else:
        click.echo(report.render(answer))
    return 0 if answer.best else 3
