"""Quality: published values, properties, hostile values, and how the laws do on evidence they have not seen."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from costmodel.calibration.quality import batch, fitting
from costmodel.calibration.quality import quantisation as quantisation_fit
from costmodel.calibration.quality import recovery as recovery_fit
from costmodel.calibration.quality import scaling as scaling_fit
from costmodel.catalog import bibliography
from costmodel.catalog.table import CatalogError, names
from costmodel.quality import distillation, evidence, pruning, quantisation, recovery, scaling, steps
from costmodel.quality.evidence import NoEvidence

REFIT = scaling.law("chinchilla-refit")
PUBLISHED = scaling.law("chinchilla-published")


def sound(answer):
    """An answer has a value inside its band, a unit, and evidence."""
    assert answer.low <= answer.value <= answer.high
    assert math.isfinite(answer.value)
    assert answer.unit
    assert answer.evidence.rows >= len(answer.evidence.cases)
    assert answer.evidence.sources
    for source in answer.evidence.sources:
        assert bibliography.entry(source)
    return answer


# --- tables


@pytest.mark.parametrize("path", sorted(evidence.DATA.glob("*.csv")), ids=lambda p: p.stem)
def test_every_source_is_in_the_bibliography(path):
    for row in evidence.table(path.stem):
        for source in names(row.get("source", "")):
            if row.get("constant") != "spread":  # says in words what it is
                assert bibliography.entry(source)


def test_evidence_is_small():
    files = [*fitting.EVIDENCE.glob("quality_*"), *evidence.DATA.glob("*.csv")]
    assert sum(p.stat().st_size for p in files) < 700_000


def test_cases_are_consistent():
    for c in evidence.cases():
        assert (
            (c.loss is None)
            or c.loss == pytest.approx(math.log(float(c.after) / float(c.before)), abs=0.02)
            or ("loss" in c.metric)
        )
        assert 0 < c.share <= 1
        assert c.bits is None or 0.9 <= c.bits <= 16


# --- quantisation


def test_published_perplexities_lie_in_the_band():
    # AWQ, Llama-2-7B, 4 bits in groups of 128: 5.47 to 5.60 (Lin et al. 2024, table 4)
    band = sound(quantisation.expected("awq", 4.16, 7e9, "older", group=128))
    assert band.low < 5.60 / 5.47 < band.high
    # Q4_K_M of Llama-3-8B: 6.2332 + 0.1754 (llama.cpp, tools/quantize)
    band = sound(quantisation.expected("gguf", 4.89, 8e9, "newer"))
    assert band.low < 6.4086 / 6.2332 < band.high


def test_loss_by_hand():
    # 0.04 nats at 4 bits, 0.3 per bit: at 3 bits 0.04 / 0.3 = 0.1333; newer models 2.5 times, half of the weights
    assert quantisation.quantisation_loss(3, 0.04, 0.3, 1.0, 2.5, 1.0, 0.5) == pytest.approx(0.16667, rel=1e-4)


@pytest.mark.parametrize("method", ["rtn", "gptq", "gguf", "owq", "aqlm", "smoothquant"])
def test_fewer_bits_never_help(method):
    known = [c.bits for c in quantisation.perplexity_cases(quantisation.recipe_of(method))]
    grid = np.linspace(min(known), max(known), 9)
    for group in (None, 128):
        values = [sound(quantisation.expected(method, float(b), group=group)).value for b in grid]
        assert all(a >= b > 1 for a, b in pairwise(values))


def test_generation_groups_and_shares():
    plain = quantisation.expected("gptq", 4, generation="older", group=128).value
    assert quantisation.expected("gptq", 4, generation="newer", group=128).value > plain
    assert quantisation.expected("gptq", 4, generation="older").value > plain
    assert quantisation.expected("gptq", 4, generation="older", group=128, share=0.5).value < plain
    assert quantisation.expected("owq", 4).value == quantisation.expected("owq", 4, group=128).value


def test_documented_table_is_what_the_law_says():
    text = (Path(__file__).parent.parent / "docs" / "quality.md").read_text(encoding="utf-8")
    bits = (8, 6, 5, 4.125, 3.15)
    for generation in ("older", "newer"):
        row = next(line for line in text.splitlines() if line.strip().startswith(f"| {generation} models"))
        shown = [float(cell.strip(" +%")) for cell in row.split("|")[2:-1]]
        law = [100 * (quantisation.expected("gptq", b, generation=generation, group=128).value - 1) for b in bits]
        assert shown == pytest.approx(law, rel=0.03, abs=0.05)


def test_collapse_is_told():
    # Llama-3-70B with a scale per channel: perplexity 1e5 after round-to-nearest (Liu et al. 2024, SpinQuant)
    assert "llama-3-70b" in quantisation.expected("rtn", 4).warnings[0]
    assert 0.05 < sound(quantisation.collapse("rtn", 4)).value < 0.3
    assert sound(quantisation.collapse("gptq", 4.125, group=128)).value < 0.05
    assert quantisation.expected("gptq", 4.125, group=128).warnings == ()


def test_nearest_cases():
    found = quantisation.evidence("gptq", 3.148, 6.5e10, rows=1)[0]
    assert (found.model, found.group, found.before, found.after) == ("llama-65b", 128, "3.53", "4.17")  # GPTQ read-me
    assert quantisation.evidence("gptq", 4)


@pytest.mark.parametrize("bits", [0, -1, math.nan, math.inf, "4", None, True])
def test_bits_are_numbers(bits):
    with pytest.raises(ValueError, match="bits must be a number above 0"):
        quantisation.expected("gptq", bits)


def test_questions_without_evidence():
    with pytest.raises(NoEvidence, match=r"no evidence for gptq at 2 bits; perplexities are published from 3 to 8"):
        quantisation.expected("gptq", 2)
    with pytest.raises(NoEvidence, match="no evidence for aqlm at 4 bits"):
        quantisation.expected("aqlm", 4)
    with pytest.raises(CatalogError, match="unknown quantisation method 'gptk'; did you mean 'gptq'"):
        quantisation.expected("gptk", 4)
    with pytest.raises(CatalogError, match="unknown generation 'new'"):
        quantisation.expected("gptq", 4, generation="new")
    with pytest.raises(ValueError, match="share must be at most 1"):
        quantisation.expected("gptq", 4, share=1.5)


# --- accuracy, pruning, distillation


@pytest.mark.parametrize("case", recovery.CASES)
def test_every_case_has_rows_and_a_band(case):
    band = sound(recovery.expected(case))
    assert band.evidence.rows == int(next(r["rows"] for r in evidence.table("recovery") if r["case"] == case))


def test_cases_are_ordered_as_published():
    kept = {case: recovery.expected(case).value for case in recovery.CASES}
    assert kept["fp8"] > 0.99
    assert kept["int8"] > kept["int4"] > kept["nvfp4"] > kept["int4-w4a4"]
    assert kept["int4-w4a4-rotated"] - kept["int4-w4a4"] > 0.3  # Liu et al. 2024
    with pytest.raises(CatalogError, match="did you mean 'int4'"):
        recovery.expected("int-4")
    assert "collapsed" in " ".join(recovery.expected("int4-w4a4").warnings)


def test_pruning():
    band = sound(pruning.structured(0.21, 2e10))
    assert band.low < 0.9607 < band.high  # 9 B to 7 B, 20 B tokens, average of eight (Model Optimizer tutorial)
    with pytest.raises(NoEvidence, match="without training after it is not predictable"):
        pruning.structured(0.2)
    with pytest.raises(NoEvidence, match="at most"):
        pruning.structured(0.9, 1e9)
    with pytest.raises(NoEvidence, match="published are 1e6 to 4e11"):
        pruning.structured(0.2, 1e15)
    for removed in (0, 1, math.nan, "20%"):
        with pytest.raises(ValueError, match="removed share must be"):
            pruning.structured(removed, 1e9)
    with pytest.raises(ValueError, match="tokens must be"):
        pruning.structured(0.2, -1)
    assert sound(pruning.sparse("2:4")).value > pruning.sparse("4:8").value > pruning.sparse("50%").value
    with pytest.raises(CatalogError):
        pruning.sparse("3:4")


def test_distillation_counts():
    # 9 B teaches 7 B: 6·7e9 + 2·9e9 = 6e10 per token; 80 B tokens in 9,000 H100-hours at 989.4 TFLOP/s: 15 %
    per_token = distillation.distillation_flop_per_token(7e9, 9e9)
    assert per_token == pytest.approx(6e10)
    low, middle, high = distillation.UTILISATION
    assert distillation.distillation_device_time(8e10, per_token, 989.4e12, 0.15) == pytest.approx(
        9000 * 3600, rel=0.01
    )
    assert low < middle < 0.15 < high


# --- scaling laws


def test_chinchilla_by_hand():
    # 70 B, 1.4 T tokens by the published constants: 1.69 + 0.0835 + 0.1632 = 1.9367
    assert scaling.scaling_loss(7e10, 1.4e12, **PUBLISHED.constants) == pytest.approx(1.9367, abs=2e-4)


@pytest.mark.parametrize(("law", "least", "most"), [(REFIT, 15, 25), (PUBLISHED, 60, 100)])
def test_tokens_per_parameter_at_the_optimum(law, least, most):
    # Besiroglu et al. 2024: about 20 at Chinchilla's 1.4 T tokens; by the published constants far more
    n = scaling.balanced_parameters(1.4e12, **{k: v for k, v in law.constants.items() if k != "irreducible"})
    assert least < 1.4e12 / n < most
    here = scaling.loss(n, 1.4e12, law.name).value
    assert all(scaling.loss(n * f, 1.4e12 / f, law.name).value > here for f in (0.9, 1.1))


def test_worked_example_of_equal_loss():
    # 13 B at 20 tokens per parameter reaches 2.102 by the refit
    tokens = scaling.tokens_at_loss(2.102, 1.3e10, **REFIT.constants)
    assert tokens == pytest.approx(2.6e11, rel=0.01)
    assert scaling.loss(1.3e10, tokens).value == pytest.approx(2.102)


@pytest.mark.parametrize("name", scaling.laws())
def test_loss_falls_with_parameters_and_tokens(name):
    law = scaling.law(name)
    (n0, n1), (d0, d1) = law.parameters, law.tokens
    sizes, tokens = np.geomspace(n0, n1, 7), np.geomspace(d0, max(d1, 2 * d0), 7)
    for row in ([scaling.loss(float(n), d0, name).value for n in sizes],
                [scaling.loss(n0, float(d), name).value for d in tokens]):  # fmt: skip
        assert all(a > b for a, b in pairwise(row))
    sound(scaling.loss(n0, d0, name))


def test_repeats():
    # Muennighoff et al. 2023: R* = 15.39; four epochs are worth 1 + 15.39·(1 − e^(−3/15.39)) = 3.73 fresh ones
    assert scaling.worth_of_repeats(4, 1, 15.387756) == pytest.approx(3.725, abs=0.005)
    fresh = scaling.loss(2.8e9, 5.6e10, "data-constrained").value
    four, sixteen = (scaling.loss(2.8e9, 5.6e10, "data-constrained", 5.6e10 / e).value for e in (4, 16))
    assert fresh < four < sixteen
    assert four - fresh < 0.05
    with pytest.raises(NoEvidence, match="20 epochs"):
        scaling.loss(2.8e9, 5.6e10, "data-constrained", 2.8e9)
    with pytest.raises(NoEvidence, match="use the law 'data-constrained'"):
        scaling.loss(2.8e9, 5.6e10, unique_tokens=1e10)


def test_ranges_of_the_laws():
    assert any("lie outside" in w for w in scaling.loss(7e10, 1.4e12).warnings)
    with pytest.raises(NoEvidence, match="more than 100 times outside"):
        scaling.loss(1e13, 1.4e12)
    with pytest.raises(CatalogError, match="unknown scaling law 'chinchila'"):
        scaling.loss(1e9, 2e10, "chinchila")
    for bad in (0, -1, math.nan, math.inf, "7e9", None):
        with pytest.raises(ValueError, match="parameters must be a number above 0"):
            scaling.loss(bad, 1e11)


def test_differences():
    band = sound(scaling.difference((7e9, 1.4e11), (1.3e10, 2.6e11)))
    assert band.high < 0
    back = scaling.difference((1.3e10, 2.6e11), (7e9, 1.4e11))
    assert back.value == pytest.approx(-band.value)


def test_own_runs():
    runs = [(n, d, 0.3 + scaling.scaling_loss(n, d, **REFIT.constants)) for n in (3e8, 1e9) for d in (1e10, 4e10)]
    law = scaling.family(runs)
    assert scaling.scaling_loss(3e9, 1e11, **law.constants) == pytest.approx(
        0.3 + scaling.scaling_loss(3e9, 1e11, **REFIT.constants), abs=0.01
    )
    for bad in ([], [(1e9, 1e10, 2.5)], [(1e9, 1e10), (2e9, 1e10)]):
        with pytest.raises(ValueError, match="at least two runs"):
            scaling.family(bad)


# --- steps


def test_critical_batch_doubles_the_samples():
    assert steps.progress_to_target(4096, 1e6, 4096) == 2e6  # McCandlish et al. 2018: E(B_crit) = 2 E_min


def test_reference_points():
    # MLPerf reference points: ResNet-50 at batch 32768 56 epochs; BERT at 4608 2,794,752 samples
    assert sound(steps.samples_to_target("resnet", 32768)).value == pytest.approx(56, rel=0.05)
    assert sound(steps.samples_to_target("bert", 4608)).value == pytest.approx(2794752, rel=0.12)
    assert sound(steps.batch_cost("bert", 8192, 1536)).value > 1.2
    assert steps.batch_cost("bert", 1536, 1536).value == 1


def test_batches_beyond_the_points():
    resnet = steps.workload("resnet")
    assert resnet.critical_low < resnet.critical < resnet.critical_high
    assert "outside" in steps.samples_to_target("resnet", 200_000).warnings[-1]
    with pytest.raises(NoEvidence, match="measured from 1632 to 67840"):
        steps.samples_to_target("resnet", 1e6)
    with pytest.raises(CatalogError, match="unknown workload"):
        steps.samples_to_target("resnest", 1024)
    with pytest.raises(ValueError, match="batch must be a number above 0"):
        steps.samples_to_target("resnet", -5)


def test_loss_at_fixed_tokens():
    best = steps.best_batch_tokens(1e11)
    assert 0.8e6 < best < 2e6  # Li et al. 2025: 1 to 2 M tokens at 1e11
    assert steps.loss_at_batch(1e11, best).value == 0
    for factor in (4, 0.25):  # 0.030 above, 0.020 below in the sweeps
        assert 0.01 < sound(steps.loss_at_batch(1e11, best * factor)).value < 0.045
    with pytest.raises(NoEvidence):
        steps.loss_at_batch(1e11, best * 100)


def test_optimisers_and_precision():
    assert sound(steps.optimiser("AdamW")).value == 1
    muon = sound(steps.optimiser("muon"))
    assert (muon.low, muon.value) == (0.5, 0.91)  # Liu et al. 2025; Wen et al. 2025 at 1.2 B
    assert sound(steps.optimiser("shampoo")).value < 1
    with pytest.raises(NoEvidence, match="no evidence on the steps of optimiser 'lion'"):
        steps.optimiser("lion")
    assert sound(steps.precision("bf16")).value == 1
    with pytest.raises(NoEvidence, match="published are fp16 and bf16"):
        steps.precision("fp8")


# --- the fits, on rows they have not seen; bounds are the floors to beat


def test_perplexity_on_sources_left_out():
    found, sources = quantisation_fit.errors()
    assert len(found) == 149
    assert len(set(sources)) == 15
    median, most = fitting.factor(found)
    assert median < 1.45
    assert most < 3.4
    assert 0.75 <= quantisation_fit.coverage(found, sources) <= 0.85


def test_accuracy_bands_on_sources_left_out():
    for case, (_, held) in recovery_fit.coverage().items():
        assert 0.75 <= held <= 0.85, case


def test_batch_law_on_points_left_out():
    median, most = fitting.factor(batch.errors()[0])
    assert median - 1 < 0.043
    assert most - 1 < 0.16


def test_losses_within_a_family_on_runs_left_out():
    medians = [np.median(np.abs(missed)) for missed in scaling_fit.errors(own=True).values()]
    assert np.median(medians) < 0.025
    assert max(medians) < 0.05
    assert np.median(np.abs(scaling_fit.chinchilla_errors())) < 0.012
    assert 0.75 <= scaling_fit.coverage() <= 0.85
    assert np.median(np.abs(scaling_fit.repeated())) < 0.05


def test_refits_give_what_ships():
    cases = quantisation_fit.usable()
    x, y, offset = quantisation_fit.design(cases)
    fitted = np.exp(quantisation_fit.fit(x, y - offset, np.array([c.source for c in cases])))
    shipped = evidence.constants("quantisation")
    assert fitted == pytest.approx([shipped[name] for name in quantisation_fit.PRIORS], rel=1e-4)
    points = next(p for p in batch.workloads() if p.workload == "resnet")
    law = batch.fit(points.batch, points.y, points.noise)
    assert math.exp(law.critical) == pytest.approx(steps.workload("resnet").critical, rel=1e-4)
    assert math.exp(law(9000.0)) == pytest.approx(steps.samples_to_target("resnet", 9000).value, rel=1e-3)
    band = recovery_fit.band(*recovery_fit.data("int4"), recovery_fit.widening())
    shipped = recovery.expected("int4")
    assert np.exp(band) == pytest.approx([shipped.low, shipped.value, shipped.high], rel=1e-4)


def test_the_refit_of_chinchilla_is_reproduced():
    # Besiroglu et al. 2024: E 1.8172, A 477.84, alpha 0.3473, B 2143.86, beta 0.3672
    found = scaling_fit.chinchilla(scaling_fit.chinchilla_runs(), scaling_fit.chinchilla_start())
    assert (found[0], found[2], found[4]) == pytest.approx((1.8172, 0.3473, 0.3672), abs=5e-4)
    assert np.exp(found[[1, 3]]) == pytest.approx([477.84, 2143.86], rel=0.01)
    draws = scaling.draws()
    assert np.std(draws["data_exponent"]) == pytest.approx(0.0206, rel=0.3)  # their standard errors
    assert np.std(draws["irreducible"]) == pytest.approx(0.026, rel=0.3)
