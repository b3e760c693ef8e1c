"""costmodel calibrate."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from costmodel.cli.options import FILE, output_option, require, write


@click.command()
@click.option("--quick", "effort", flag_value="quick", help="Measure for 20 seconds.")
@click.option("--thorough", "effort", flag_value="thorough", help="Measure for about 8 minutes.")
@click.option("--verify", is_flag=True, help="Run real workloads beside their predictions; calibrates first if needed.")
@click.option("--from-runs", "runs", type=FILE, help="Fit your own measured steps: a table or a log.")
@click.option("--refit", "records", type=FILE, help="Fit records measured before, here or elsewhere.")
@click.option("--scenario", help="What the runs of a log were: a scenario file.")
@click.option("--base", help="Profile that --from-runs starts from; that of the runs' device if unsaid.")
@click.option("--name", help="Name of the profile; local for this machine, site for runs.")
@click.option("--resume", is_flag=True, help="Go on with records that an interrupted run left.")
@click.option("--report", type=FILE, help="Also write the chart of --verify to this page.")
@output_option("text", "json")
def command(
    effort: str | None,
    verify: bool,
    runs: Path | None,
    records: Path | None,
    scenario: str | None,
    base: str | None,
    name: str | None,
    resume: bool,
    report: Path | None,
    output: str,
) -> None:
    """Measure this machine and fit its profile, about 2 minutes; afterwards `--hardware local` means this machine.

    \b
    Example:
      costmodel calibrate --quick
    """
    require("scipy", "calibration", "calibrate")
    if sum((verify, runs is not None, records is not None)) > 1:
        raise click.UsageError("--verify, --from-runs and --refit exclude each other; write one of them")
    if ((scenario or base) and not runs) or (report and not verify):
        raise click.UsageError("--scenario and --base belong to --from-runs, --report to --verify; leave them out")
    if runs is not None:
        _from_runs(runs, scenario, base, name or "site", output)
    elif verify:
        _verify(effort, name, report, output)
    else:
        _machine(effort, records, name or "local", resume, output)


def _machine(effort: str | None, records: Path | None, name: str, resume: bool, output: str) -> None:
    from costmodel.calibration import local
    from costmodel.calibration.records import read
    from costmodel.report.machine import overview

    if records is None:
        records = _measured(effort or "default", resume)
    found, profile, path = local.keep(read(records), name)
    if output == "json":
        click.echo(json.dumps(profile, indent=1))
    else:
        click.echo(overview(profile))
        click.echo(f"\nProfile {name} is kept in {path}; use it with --hardware {name}. Every constant:\n")
        click.echo(found.report())


def _measured(effort: str, resume: bool = False) -> Path:
    """The records of this machine, measured while no other calibration runs."""
    from costmodel.calibration import local, lock

    with lock.held(local.records_path().with_suffix(".lock")):
        path: Path = local.measure_local(effort, resume=resume)
    click.echo("fitting the laws", err=True)
    return path


def _verify(effort: str | None, name: str | None, report: Path | None, output: str) -> None:
    from costmodel import profile
    from costmodel.calibration import local, lock
    from costmodel.calibration.verify import parity, run

    name = name or "local"
    if name == "local" and (effort or name not in profile.names()):
        local.fit_local(_measured(effort or "default"))
    with lock.held(local.records_path().with_suffix(".lock")):
        rows = _with_progress(lambda tell: run.verify(profile.load(name), tell))
    run.keep(rows, name)
    if report is not None:
        write(report, parity.html(rows))
    click.echo(json.dumps(run.document(rows), indent=1) if output == "json" else parity.text(rows))


def _with_progress(work: Callable[[Callable[[str, float], None]], Sequence[Any]]) -> Sequence[Any]:
    """What `work` returns, its progress as one line on standard error."""
    import sys

    def tell(what: str, share: float) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[K{share:4.0%} {what}", nl=False, err=True)

    try:
        return work(tell)
    finally:
        if sys.stderr.isatty():
            click.echo("\r\x1b[K", nl=False, err=True)


def _from_runs(runs: Path, scenario: str | None, base: str | None, name: str, output: str) -> None:
    from costmodel.calibration.runs import calibrate, read_runs
    from costmodel.loading import load

    made = calibrate(read_runs(runs, load(scenario) if scenario else None), name, base)
    path = made.write()
    if output == "json":
        click.echo(json.dumps(made.as_dict(), indent=1))
    else:
        click.echo(made.report())
        click.echo(f"\nprofile {name} is kept in {path}; use it with --set profile={name}")
