"""A user's own measured steps → a site profile: readers of logs, and a fit that moves what the runs tell."""

from costmodel.calibration.runs.fit import SiteFit, calibrate
from costmodel.calibration.runs.read import read_runs
from costmodel.calibration.runs.run import Run, RunError, Runs

__all__ = ["Run", "RunError", "Runs", "SiteFit", "calibrate", "read_runs"]
