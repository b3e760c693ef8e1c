"""Entry point: finds a command's file when it is called, and turns errors into one line and an exit code."""

from __future__ import annotations

import codecs
import errno
import os
import sys
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

import click

from costmodel import __version__

# Plugins would be looked for among all packages that are installed, and none has a part in an answer.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

COMMANDS = {
    "estimate": "What a scenario takes: time, memory, money, energy, carbon, storage, staff.",
    "explain": "The working of one figure, down to catalog figures with sources.",
    "compare": "Several scenarios side by side.",
    "sweep": "A table over one or more axes of a scenario.",
    "sensitivity": "What an answer hangs on: each assumption alone at both ends of its range.",
    "plan": "What to choose: model size, devices, batch, rent or purchase, and more.",
    "roofline": "A scenario's operators under the roofline of its device.",
    "report": "An estimate to hand on: a page that opens offline, or a paragraph of methods.",
    "validate": "Published runs against predictions.",
    "formulas": "The formulas: text, units, source.",
    "documents": "Five articles' formulas beside those used here; their worked examples checked.",
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
@click.version_option(__version__, prog_name="costmodel")
@click.option("--debug", is_flag=True, help="Show the traceback of an internal error.")
def cli(debug: bool) -> None:
    """What it takes to train or serve a machine-learning model.

    \b
    Examples:
      costmodel estimate --model llama-3.1-8b --hardware h100-sxm --devices 64 --workload train
      costmodel estimate scenario.yaml --set devices=128 -o json
      costmodel explain totals.cost_usd scenario.yaml
    """


# What stands for characters of ours that a terminal's encoding lacks.
LOOKALIKES = {"×": "x", "·": "*", "–": "-", "−": "-", "→": "->", "≤": "<=", "≥": ">=", "“": '"', "”": '"', "█": "#"}
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
BROKEN_PIPE = 141  # as a shell reports a program that SIGPIPE ended


def main() -> None:
    """Run the command line of this process."""
    codecs.register_error("lookalike", _lookalike)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="lookalike")
    if sys.stdin is None:  # closed: empty, and no other file may take its place
        sys.stdin = Path(os.devnull).open()  # noqa: SIM115
    if sys.stdout is None:
        sys.exit(_refused("standard output is closed; write >/dev/null to throw the answer away"))
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a command; exit codes: 0 answered, 2 bad input, 3 not feasible, 130 interrupted, 141 cut off, 1 a bug."""
    try:
        return _answered(arguments)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return 130
    except click.ClickException as error:
        message, context = " ".join(error.format_message().split()), getattr(error, "ctx", None)
        if context is not None and ";" not in message:  # one of click's own, which do not say what to write instead
            message += f"{'' if message.endswith(('.', '?')) else '.'} See {context.command_path} --help."
        return _refused(message)
    except SystemExit as error:  # how click ends where the reader of a pipe has gone, and after shell completion
        return BROKEN_PIPE if error.code else 0
    except ValueError as error:
        if type(error).__module__.startswith("costmodel."):
            return _refused(str(error))
        return _bug(error, arguments)
    except OSError as error:
        if error.errno not in (*NO_ROOM, errno.EPIPE):
            return _bug(error, arguments)
        _drop(sys.stdout)
        if error.errno == errno.EPIPE:
            return BROKEN_PIPE
        return _refused(f"the answer cannot be written ({(error.strerror or 'unknown reason').lower()})")
    except Exception as error:
        return _bug(error, arguments)


def _answered(arguments: list[str]) -> int:
    """The exit code of a command; help where nothing is said."""
    try:
        return cli.main(arguments, standalone_mode=False) or 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0


def _lookalike(error: UnicodeError) -> tuple[str, int]:
    """Error handler of codecs: the nearest ASCII text for what an encoding lacks."""
    from unicodedata import combining, normalize

    assert isinstance(error, UnicodeEncodeError)
    text = "".join(LOOKALIKES.get(c, c) for c in error.object[error.start : error.end])
    plain = "".join(c for c in normalize("NFKD", text) if not combining(c))
    return plain.encode("ascii", "replace").decode(), error.end


def _drop(stream: TextIO) -> None:
    """Throw away what a stream still holds, so that nothing tries to write it again at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _tell(line: str) -> None:
    """A line on standard error, if anybody can hear it."""
    try:
        click.echo(line, err=True)
    except OSError:
        _drop(sys.stderr)


def _refused(message: str) -> int:
    """One line for each thing that is wrong with the input."""
    for line in message.splitlines():
        _tell("costmodel: " + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line))
    return 2


def _bug(error: Exception, arguments: list[str]) -> int:
    if "--debug" in arguments:
        raise error
    _tell(f"costmodel: internal error: {error!r}; please report it with the output of --debug")
    return 1
