"""Options that several commands share: how a scenario is given."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Command = TypeVar("Command", bound=Callable[..., Any])
FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
KEYS = {
    "model": ("MODEL", "An id of `costmodel catalog models`, or a Hugging Face config.json."),
    "hardware": ("HARDWARE", "An id of `costmodel catalog hardware`, or local after `costmodel calibrate`."),
    "devices": ("COUNT", "How many devices."),
    "workload": ("KIND", "train, finetune, serve or infer."),
}


def scenario_options(command: Command) -> Command:
    """A scenario as a file, as four flags, or both; --set changes anything in it."""
    said = "Change one value, such as workload.tokens=1e12; may be repeated."
    command = click.option("--set", "changes", multiple=True, metavar="PATH=VALUE", help=said)(command)
    for key, (metavar, meaning) in reversed(KEYS.items()):
        command = click.option(f"--{key}", metavar=metavar, help=meaning, shell_complete=_complete)(command)
    return click.argument("scenario", required=False, shell_complete=_complete)(command)


def output_option(*choices: str) -> Callable[[Command], Command]:
    """-o text|json|csv."""
    said = "Form of the answer; text if unsaid."
    return click.option("-o", "--output", type=click.Choice(choices), default="text", help=said)


def _complete(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """What a shell offers: files for a scenario, ids of the catalog, kinds of workload."""
    from click.shell_completion import CompletionItem

    from costmodel import catalog

    if parameter.name == "scenario":
        return [CompletionItem(begun, type="file")]
    table = {"model": "models", "hardware": "hardware"}.get(parameter.name or "")
    kinds = ("train", "finetune", "serve", "infer") if parameter.name == "workload" else ()
    known = [row["id"] for row in catalog.rows(table)] if table else kinds
    return [CompletionItem(name) for name in known if name.startswith(begun)]


def read(
    scenario: str | None, flags: dict[str, str | None], changes: tuple[str, ...], lent: Collection[str] = ()
) -> tuple[Any, list[str]]:
    """The scenario's source and the changes to it, flags first; keys that are `lent` need not be said."""
    said = [f"{key}={value}" for key in KEYS if (value := flags.get(key)) is not None] + list(changes)
    known = {*lent, *(change.partition("=")[0] for change in said)}
    missing = [key for key in KEYS if key not in known]
    if scenario is None and missing:
        raise click.UsageError(
            f"no scenario: give a file (or - for standard input), or {' '.join('--' + key for key in missing)}; "
            f"examples: {click.get_current_context().command_path} --help"
        )
    return {} if scenario is None else scenario, said


def apart(scenario: str | None, **files: Path | None) -> None:
    """Raises UsageError where one file is to be read and written, or written twice; `files` by their option."""
    named = [Path(name).absolute() for name in (scenario, *files.values()) if name and str(name) != "-"]
    if len(set(named)) < len(named):
        options = " or ".join(f"--{option}" for option in files)
        raise click.UsageError(f"one file is named twice, and would be overwritten; name another for {options}")


def require(module: str, user: str, extra: str) -> None:
    """Raises UsageError where the module of an optional dependency is not installed."""
    if find_spec(module) is None:
        raise click.UsageError(f"{user} needs {module}; in a clone of costmodel, run: pip install '.[{extra}]'")


def paged(text: str) -> None:
    """Show a text; on a terminal that it does not fit, page by page."""
    os.environ.setdefault("LESS", "FRX")  # as git does: no page where all fits, colours, and it stays on the screen
    click.echo_via_pager(text)


def write(path: Path, content: str) -> None:
    """Write a file whole or not at all; - is standard output. Raises FileError."""
    from costmodel import files

    if str(path) == "-":
        click.echo(content, nl=False)
        return
    files.write(path, content)
    click.echo(f"costmodel: wrote {path}", err=True)
