"""python -m costmodel.calibration.quality: refit every constant of quality, and print how the laws do on rows left out.

`--report` prints the table without writing anything.
"""

from __future__ import annotations

import sys

import numpy as np

from costmodel.calibration.quality import batch, fitting, quantisation, recovery, scaling


def lines() -> list[tuple[str, ...]]:
    """Question, floor as published with these rows, floor measured here, and the law that ships."""
    found, sources = quantisation.errors()
    (median, most), (plain, plain_most) = fitting.factor(found), fitting.factor(quantisation.floor())
    table: list[tuple[str, ...]] = [
        (
            f"perplexity loss of weight-only quantisation, {len(found)} rows, {len(set(sources))} sources: "
            "factor, median (90 %)",
            "1.46 (3.5)",
            f"{plain:.2f} ({plain_most:.2f})",
            f"{median:.2f} ({most:.2f})",
        ),
        ("  … rows inside the 80 % band", "", "", f"{quantisation.coverage(found, sources):.0%}"),
    ]
    published = {"fp8": "79 %", "int8": "81 %", "int4": "69 %", "nvfp4": "67 %", "cnn-int8": "75 %"}
    for case, (row_band, held) in recovery.coverage().items():
        table.append((f"accuracy band holds, {case}", published[case], f"{row_band:.0%}", f"{held:.0%}"))
    ours, law = batch.errors()[0], batch.errors(correct=False)[0]
    table.append(
        (
            f"samples to target against batch, {len(ours)} points left out one by one: median (90 %)",
            "4.3 % (16 %)",
            _percent(law),
            _percent(ours),
        )
    )
    missed, _ = batch.fixed_token_errors()
    table.append(("loss of a batch off the best at fixed tokens, sweeps left out: median (90 %), nats", "", "",
                  f"{np.median(np.abs(missed)):.3f} ({np.quantile(np.abs(missed), 0.9):.3f})"))  # fmt: skip
    missed = scaling.chinchilla_errors()
    table.append(
        (
            f"loss within chinchilla, fifths of {len(missed)} runs left out: median (90 %), nats",
            "0.008 (0.029), in sample",
            "",
            f"{np.median(np.abs(missed)):.3f} ({np.quantile(np.abs(missed), 0.9):.3f})",
        )
    )
    offset, own = scaling.errors(own=False), scaling.errors(own=True)
    for name in offset:
        pair = [f"{np.median(np.abs(e[name])):.3f} ({np.quantile(np.abs(e[name]), 0.9):.3f})" for e in (offset, own)]
        table.append((f"loss within {name}, runs left out: offset alone | own constants, nats", "", *pair))
    middle = [float(np.median([np.median(np.abs(v)) for v in e.values()])) for e in (offset, own)]
    table.append(("  … median over families", "0.02-0.05", *(f"{m:.3f}" for m in middle)))
    table.append(("  … differences inside the 80 % band, families left out", "", "", f"{scaling.coverage():.0%}"))
    missed = scaling.repeated()
    table.append((f"data-constrained law, {len(missed)} runs of 1 to 16 epochs, nats", "0.01-0.05", "",
                  f"{np.median(np.abs(missed)):.3f} ({np.quantile(np.abs(missed), 0.9):.3f})"))  # fmt: skip
    return table


def _percent(errors: np.ndarray) -> str:
    median, most = fitting.factor(errors)
    return f"{median - 1:.1%} ({most - 1:.1%})"


def main() -> None:
    """Refit unless asked only to report, then print the table."""
    if "--report" not in sys.argv[1:]:
        for part in (quantisation, recovery, batch, scaling):
            part.refit()
    head = ("question", "floor", "floor on these rows", "law that ships")
    print("\t".join(head))
    for line in lines():
        print("\t".join(line))


if __name__ == "__main__":
    main()
