"""`python -m costmodel.calibration.refit` rewrites every profile that ships from the shipped evidence."""

from __future__ import annotations

import sys

from costmodel.calibration import profiles, records


def main() -> None:
    """Refit, write, and say how well each law fits."""
    made = profiles.refit(records.evidence())
    profiles.write(made)
    for name, content in made.items():
        for group, quality in content["fit"].items():
            told = f"{quality['n']} records, error {quality['median']:.1%} median, {quality['p90']:.0%} p90"
            print(f"{name} {group}: {told}, bias {quality['bias']:+.1%}", file=sys.stderr)
            for warning in quality.get("warnings", ()):
                print(f"  {warning}", file=sys.stderr)


if __name__ == "__main__":
    main()
