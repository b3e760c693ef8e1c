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
    "plan": "Model size and tokens of the least cost of training plus serving.",
    "roofline": "A scenario's operators under the roofline of its device.",
    "report": "An estimate to hand on: a page that opens offline, or a paragraph of methods.",
    "validate": "Published runs against predictions.",
    "formulas": "The formulas: text, units, source.",
    "documents": "The five documents' formulas, literal and refined, with their worked examples.",
    "schema": "JSON Schema of a scenario file, for editors.",
    "calibrate": "Measure this machine, or fit your own runs; check the fit on real workloads.",
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
    """Run the command line of this process."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a command; exit codes: 0 answered, 2 bad input, 3 not feasible, 130 interrupted, 1 a bug."""
    try:
        return cli.main(arguments, standalone_mode=False) or 0
    except (click.exceptions.Abort, KeyboardInterrupt):
        return 130
    except click.ClickException as error:
        return _refused(error.format_message().replace("\n", " "))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ValueError as error:
        if type(error).__module__.startswith("costmodel."):
            return _refused(str(error))
        return _bug(error, arguments)
    except Exception as error:
        return _bug(error, arguments)


def _refused(message: str) -> int:
    """One line for each thing that is wrong with the input."""
    for line in message.splitlines():
        click.echo("costmodel: " + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line), err=True)
    return 2


def _bug(error: Exception, arguments: list[str]) -> int:
    if "--debug" in arguments:
        raise error
    click.echo(f"costmodel: internal error: {error!r}; please report it with the output of --debug", err=True)
    return 1
