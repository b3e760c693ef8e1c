"""Entry point: finds a command's file when it is called, and turns errors into one line and an exit code."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

COMMANDS = {
    "estimate": "What a scenario takes: time, memory, money, energy, carbon, storage, staff.",
    "explain": "The working of one figure, down to catalog figures with sources.",
    "compare": "Several scenarios side by side.",
    "sweep": "A table over one or more axes of a scenario.",
    "formulas": "The formulas: text, units, source.",
    "documents": "The five documents' formulas, literal and refined, with their worked examples.",
    "schema": "JSON Schema of a scenario file, for editors.",
    "catalog": "Models, hardware, prices, grids and profiles with sources.",
    "app": "The web app.",
}


class Lazy(click.Group):
    """Imports a command when it runs, so that --help stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command = import_module(f"costmodel.cli.{name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option("0.1.0", prog_name="costmodel")
@click.option("--debug", is_flag=True, help="Show the traceback of an internal error.")
def cli(debug: bool) -> None:
    """What it takes to train or serve a machine-learning model.

    \b
    Examples:
      costmodel estimate --model llama-3.1-8b --hardware h100-sxm --devices 64 --workload train
      costmodel estimate scenario.yaml --set devices=128 -o json
      costmodel explain totals.cost_usd scenario.yaml
    """


def main() -> None:
    """Run the command line; exit codes: 0 answered, 2 bad input, 3 not feasible, 130 interrupted, 1 a bug."""
    try:
        sys.exit(cli.main(standalone_mode=False) or 0)
    except click.exceptions.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        sys.exit(130)
    except click.ClickException as error:
        click.echo(f"costmodel: {error.format_message()}", err=True)
        sys.exit(2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except ValueError as error:
        if not type(error).__module__.startswith("costmodel."):
            _bug(error)
        for line in str(error).splitlines():
            click.echo(f"costmodel: {line}", err=True)
        sys.exit(2)
    except Exception as error:
        _bug(error)


def _bug(error: Exception) -> None:
    if "--debug" in sys.argv:
        raise error
    click.echo(f"costmodel: internal error: {error!r}; please report it with the output of --debug", err=True)
    sys.exit(1)
