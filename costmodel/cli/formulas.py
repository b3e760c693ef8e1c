"""costmodel formulas."""

from __future__ import annotations

import click

from costmodel.cli.options import paged


@click.command()
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """List all formulas, or show the one called NAME with its text, units and source.

    A NAME that is only a part of names lists all that have it.

    \b
    Example:
      costmodel formulas ring_time
      costmodel formulas ring
    """
    from difflib import get_close_matches

    from costmodel.catalog import bibliography
    from costmodel.formula import load_all
    from costmodel.readings import latex, text

    registry = load_all()
    if name not in registry:
        listed = [each for each in registry.values() if (name or "").lower() in each.name]
        if not listed:
            near = get_close_matches(str(name), registry, n=3, cutoff=0.4)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            raise click.UsageError(f"no formula is called {str(name)[:60]!r}{hint}")
        paged("\n".join(f"{each.name:36} [{each.unit}]  {each.summary}" for each in listed))
        return
    found = registry[name]
    click.echo(f"{found.name} [{found.unit}]\n\n{(found.__doc__ or '').strip()}\n")
    click.echo("\n".join(f"  {line}" for line in text(found)))
    click.echo("\nArguments: " + ", ".join(f"{n} [{u}]" for n, u in found.arguments.items()))
    click.echo(f"LaTeX:     {latex(found)}")
    entry = bibliography.entry(found.source)
    click.echo(f"Source:    {entry.authors} {entry.year}. {entry.title}. {entry.where}")
