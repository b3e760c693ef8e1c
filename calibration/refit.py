"""`python -m costmodel.calibration.refit` rewrites every profile that ships from the shipped evidence."""

from __future__ import annotations

import sys

from costmodel.calibration import local, profiles, records
from costmodel.units import counted

# Machines measured as a whole whose profiles ship, with their records: name, what it is.
MACHINES = {
    "cpu-epyc-2core": "Two cores of an AMD EPYC (Zen 4) virtual machine with torch 2.13 on the CPU, fitted to "
    "calibration/evidence/cpu-epyc-2core-torch.jsonl.",
}


def main() -> None:
    """Refit, write, and say how well each law fits."""
    made = profiles.refit(records.evidence())
    for name, meaning in MACHINES.items():
        made[name] = local.profile_from(records.EVIDENCE / f"{name}-torch.jsonl", name, meaning)
    profiles.write(made)
    for name, content in made.items():
        for group, quality in content["fit"].items():
            told = f"{counted(quality['n'], 'record')}, error {quality['median']:.1%} median, {quality['p90']:.0%} p90"
            print(f"{name} {group}: {told}, bias {quality['bias']:+.1%}", file=sys.stderr)
            for warning in quality.get("warnings", ()):
                print(f"  {warning}", file=sys.stderr)


if __name__ == "__main__":
    main()
