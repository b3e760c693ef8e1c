"""Options that several commands share: how a scenario is given."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])
KEYS = ("model", "hardware", "devices", "workload")


def scenario_options(command: Command) -> Command:
    """A scenario as a file, as four flags, or both; --set changes anything in it."""
    command = click.option("--set", "changes", multiple=True, metavar="PATH=VALUE", help="Change one value.")(command)
    for key in reversed(KEYS):
        command = click.option(f"--{key}", help=f"{key.capitalize()} of the scenario.")(command)
    return click.argument("scenario", required=False)(command)


def output_option(*choices: str) -> Callable[[Command], Command]:
    """-o text|json|csv."""
    return click.option("-o", "--output", type=click.Choice(choices), default="text", help="Form of the answer.")


def read(scenario: str | None, flags: dict[str, str | None], changes: tuple[str, ...]) -> tuple[Any, list[str]]:
    """The scenario's source and the changes to it, flags first."""
    said = {key: value for key in KEYS if (value := flags.get(key)) is not None}
    if scenario is None:
        missing = [key for key in KEYS if key not in said and not any(c.startswith(f"{key}=") for c in changes)]
        if missing:
            raise click.UsageError(
                f"no scenario: give a file (or - for standard input), or {' '.join('--' + key for key in missing)}; "
                f"examples: {click.get_current_context().command_path} --help"
            )
        return {}, [f"{key}={value}" for key, value in said.items()] + list(changes)
    return scenario, [f"{key}={value}" for key, value in said.items()] + list(changes)


def require(module: str, user: str, extra: str) -> None:
    """Raises UsageError where the module of an optional dependency is not installed."""
    if find_spec(module) is None:
        raise click.UsageError(f"{user} needs {module}; in a clone of costmodel, run: pip install '.[{extra}]'")


def paged(text: str) -> None:
    """Show a text; on a terminal that it does not fit, page by page."""
    os.environ.setdefault("LESS", "FRX")  # as git does: no page where all fits, colours, and it stays on the screen
    click.echo_via_pager(text)
