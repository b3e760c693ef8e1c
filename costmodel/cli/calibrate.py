"""costmodel calibrate."""

from __future__ import annotations

import json
from pathlib import Path

import click

from costmodel import profile
from costmodel.cli.options import FILE, output_option, require, write
from costmodel.cli.progress import progress


@click.command()
@click.option("--quick", is_flag=True, help="Measure for 20 seconds.")
@click.option("--thorough", is_flag=True, help="Measure for about 8 minutes.")
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
    quick: bool,
    thorough: bool,
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
    if quick and thorough:
        raise click.UsageError("--quick and --thorough exclude each other; write one of them")
    if (quick or thorough or resume) and (runs or records):
        raise click.UsageError("--from-runs and --refit measure nothing; leave out --quick, --thorough and --resume")
    effort = "quick" if quick else "thorough" if thorough else None
    if name is not None and not verify:
        profile.own_name(name)
    if runs is not None:
        _from_runs(runs, scenario, base, name or "site", output)
    elif verify:
        _verify(effort, name or profile.LOCAL, resume, report, output)
    else:
        _machine(effort, records, name or profile.LOCAL, resume, output)


def _machine(effort: str | None, records: Path | None, name: str, resume: bool, output: str) -> None:
    from costmodel.calibration import local
    from costmodel.calibration.records import read
    from costmodel.report.machine import overview

    if records is None:
        records = _measured(effort or "default", resume)
    found, made, path = local.keep(read(records), name)
    if output == "json":
        click.echo(json.dumps(made, indent=1))
    else:
        click.echo(overview(made))
        click.echo(f"\nProfile {name} is kept in {path}; use it with --hardware {name}. Every constant:\n")
        click.echo(found.report())


def _measured(effort: str, resume: bool) -> Path:
    """The records of this machine, measured while no other calibration runs."""
    from costmodel.calibration import local, lock

    with lock.held(local.records_path().with_suffix(".lock")):
        try:
            path: Path = local.measure_local(effort, resume=resume)
        except KeyboardInterrupt:
            click.echo("costmodel: measured points are kept; to go on, add --resume to the same command", err=True)
            raise
    click.echo("fitting the laws", err=True)
    return path


def _verify(effort: str | None, name: str, resume: bool, report: Path | None, output: str) -> None:
    from costmodel.calibration import local, lock
    from costmodel.calibration.verify import parity, run

    if name == profile.LOCAL and (effort or resume or name not in profile.names()):
        local.fit_local(_measured(effort or "default", resume))
    made = profile.machine(name)
    if made is None:
        known = ", ".join(profile.machines()) or "none yet"
        raise click.UsageError(f"{name!r} is no profile of a machine that was measured; there are: {known}")
    with lock.held(local.records_path().with_suffix(".lock")), progress(0.0) as tell:
        rows = run.verify(made, lambda what, share: tell(f"{share:4.0%} {what}"))
    run.keep(rows, name)
    if report is not None:
        write(report, parity.html(rows))
    click.echo(json.dumps(run.document(rows), indent=1) if output == "json" else parity.text(rows))


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
