"""costmodel report."""

from __future__ import annotations

from pathlib import Path

import click

from costmodel.cli.options import FILE, apart, read, scenario_options, write


@click.command()
@scenario_options
@click.option("--html", "page", type=FILE, metavar="FILE", help="Write the whole report: one file, opens offline.")
@click.option("--methods", type=click.Choice(("text", "latex")), help="Print a paragraph for a paper or a budget.")
@click.option("--bibtex", type=FILE, metavar="FILE", help="Write what the LaTeX paragraph cites.")
def command(
    scenario: str | None,
    changes: tuple[str, ...],
    page: Path | None,
    methods: str | None,
    bibtex: Path | None,
    **flags: str | None,
) -> int:
    """An estimate to hand on: a page, or a paragraph of methods with sources.

    Without an option the paragraph is printed as text.

    \b
    Example:
      costmodel report examples/llama-3.1-8b.yaml --methods text
      costmodel report examples/llama-3.1-8b.yaml --html report.html
      costmodel report examples/llama-3.1-8b.yaml --methods latex --bibtex report.bib
    """
    from costmodel.api import estimate
    from costmodel.report import paper

    apart(scenario, html=page, bibtex=bibtex)
    answer = estimate(*read(scenario, flags, changes))
    if page is not None:
        write(page, answer.to_html())
    if bibtex is not None:
        write(bibtex, paper.bibtex(answer))
    if methods == "latex":
        click.echo(paper.methods_latex(answer))
    elif methods == "text" or (page is None and bibtex is None):
        click.echo(paper.methods(answer))
    return 0 if answer.fits else 3
