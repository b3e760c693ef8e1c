"""costmodel formulas."""

from __future__ import annotations

import click


@click.command()
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """List all formulas, or show NAME with its text, units and source.

    \b
    Example:
      costmodel formulas ring_time
    """
    from difflib import get_close_matches

    from costmodel.catalog import bibliography
    from costmodel.formula import load_all
    from costmodel.readings import latex, text

    registry = load_all()
    if name is None:
        for each in registry.values():
            click.echo(f"{each.name:36} [{each.unit}]  {each.summary}")
        return
    if name not in registry:
        near = get_close_matches(name, registry, n=3, cutoff=0.4)
        raise click.UsageError(
            f"no formula is called {name[:60]!r}{'; did you mean ' + ', '.join(near) + '?' if near else ''}"
        )
    found = registry[name]
    click.echo(f"{found.name} [{found.unit}]\n\n{(found.__doc__ or '').strip()}\n")
    click.echo("\n".join(f"  {line}" for line in text(found)))
    click.echo("\nArguments: " + ", ".join(f"{n} [{u}]" for n, u in found.arguments.items()))
    click.echo(f"LaTeX:     {latex(found)}")
    entry = bibliography.entry(found.source)
    click.echo(f"Source:    {entry.authors} {entry.year}. {entry.title}. {entry.where}")
