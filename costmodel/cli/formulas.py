"""costmodel formulas."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from costmodel.cli.options import output_option, paged

if TYPE_CHECKING:
    from costmodel.formula import Formula


@click.command()
@click.argument("name", required=False)
@output_option("text", "json")
def command(name: str | None, output: str) -> None:
    """List all formulas, or show the one called NAME with its text, units and source.

    A NAME that is only a part of names lists all that have it.

    \b
    Example:
      costmodel formulas ring_time
      costmodel formulas ring
    """
    from difflib import get_close_matches

    from costmodel.formula import load_all

    registry = load_all()
    exact = registry.get(name or "")
    listed = [exact] if exact else [each for each in registry.values() if (name or "").lower() in each.name]
    if not listed:
        near = get_close_matches(str(name), registry, n=3, cutoff=0.4)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise click.UsageError(f"no formula is called {str(name)[:60]!r}{hint}")
    if output == "json":
        click.echo(json.dumps(_entry(exact) if exact else [_entry(each) for each in listed], indent=1))
    elif exact:
        click.echo(_page(exact))
    else:
        paged("\n".join(f"{each.name:36} [{each.unit}]  {each.summary}" for each in listed))


def _entry(found: Formula) -> dict[str, Any]:
    return {
        "name": found.name,
        "unit": found.unit,
        "summary": found.summary,
        "arguments": dict(found.arguments),
        "source": found.source,
    }


def _page(found: Formula) -> str:
    from costmodel.catalog import bibliography
    from costmodel.readings import latex, text

    source = bibliography.entry(found.source)
    return "\n".join(
        [
            f"{found.name} [{found.unit}]\n\n{(found.__doc__ or '').strip()}\n",
            *(f"  {line}" for line in text(found)),
            "\nArguments: " + ", ".join(f"{n} [{u}]" for n, u in found.arguments.items()),
            f"LaTeX:     {latex(found)}",
            f"Source:    {source.authors} {source.year}. {source.title}. {source.where}",
        ]
    )
