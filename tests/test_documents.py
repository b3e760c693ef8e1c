"""The five documents: each worked example against hand arithmetic, each wrong formula against its proof."""

import json
import math
import re
import shlex

import pytest
import sympy

from costmodel import documents, readings
from costmodel.cli.main import run
from costmodel.documents import corrected, literal, worked
from costmodel.formula import load_all
from costmodel.loading import load
from costmodel.report import levers, whatif
from costmodel.report.explain import workings
from costmodel.report.text import LABELS
from costmodel.resolve import resolve
from costmodel.trace import nodes

REGISTRY = load_all()
EXAMPLES = {e.id: e for e in documents.examples()}


def figures(example_id):
    """(stated, computed, right) of each statement, by its name."""
    return {s.what: (s.stated, s.computed, s.right) for s in EXAMPLES[example_id].statements}


# Formulas.

IDS = {
    "document-0": ["D0.1", "D0.2"],
    "document-1": ["D1.1", "D1.2", "D1.3"],
    "document-2": ["D2.1", "D2.2", "D2.3", "D2.4", "D2.5"],
    "document-3": ["D3.1", "D3.2", "D3.3", "D3.4", "D3.5", "D3.6"],
    "document-4": ["D4.1", "D4.2"],
}


def test_every_formula_of_the_documents_has_an_entry():
    found = {key: [e.id for e in documents.ENTRIES if e.document == key] for key in documents.DOCUMENTS}
    assert found == IDS


@pytest.mark.parametrize("entry", documents.ENTRIES, ids=lambda e: e.id)
def test_entries_are_complete(entry):
    prefix = entry.id.lower().replace(".", "_") + "_"
    assert all(f.name.startswith(prefix) for f in entry.formulas)
    assert all(f.source == f"document-{entry.id[1]}" for f in entry.formulas)
    assert entry.remark.endswith(".")
    assert entry.meaning.endswith(".")
    if entry.verdict == "wrong":
        assert entry.corrected or entry.refined_by


def test_estimates_use_the_formulas_that_refine_those_of_the_documents():
    used = set()
    for workload in ("train", "serve"):
        asked = load({"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "workload": workload})
        used |= {node.formula.name for node in nodes(workings(resolve(asked)).values()) if node.formula}
    assert {name for entry in documents.ENTRIES for name in entry.refined_by} <= used


def test_every_literal_formula_belongs_to_an_entry():
    entered = {f.name for e in documents.ENTRIES for f in e.formulas}
    assert entered == {name for name, f in REGISTRY.items() if f.source.startswith("document-") and name[0] == "d"}


def test_d0_1_is_half_a_mean_squared_error():
    # Errors 1, 2 and 3: (½ + 2 + 4½) / 3 = 7/3
    assert literal.d0_1_training_efficiency(1 + 4 + 9, 3) == pytest.approx(7 / 3)


def test_d1_1_calls_slower_training_more_efficient():
    assert literal.d1_1_efficiency(200, 1) > literal.d1_1_efficiency(100, 1)
    # 1 M USD over 1e9 tokens is 0.001 USD a token, beside 0.002 USD to serve it.
    assert corrected.d1_1_cost_per_token_corrected(1e6, 1e9, 0.002) == pytest.approx(0.003)


def test_d1_2_training_time_depends_on_data_and_hardware():
    # 6 · 175e9 · 300e9 = 3.15e23 FLOP on 10,000 V100 at 22.4 % of 125 TFLOP/s: 1.125e6 s, 13 days
    assert corrected.d1_2_training_time_corrected(175e9, 300e9, 10_000, 125e12, 0.224) == pytest.approx(1.125e6)


def test_d2_3_charges_a_faster_machine_more_energy_for_the_same_work():
    work = 1e18
    literally = [literal.d2_3_energy(1e9, speed, work / speed, 1e-12) for speed in (1e14, 2e14)]
    rightly = [corrected.d2_3_energy_corrected(8, 700, work / speed, 1.2) for speed in (1e14, 2e14)]
    assert literally[0] == literally[1]  # the speed cancels: no machine saves energy
    assert rightly[1] == rightly[0] / 2  # at equal power, half the time is half the energy
    assert rightly[0] == pytest.approx(8 * 700 * 1e4 * 1.2)


def test_d2_2_wants_more_storage_of_denser_drives():
    assert literal.d2_2_storage_resources(1e9, 1e12, 2e13, 1e-21) > literal.d2_2_storage_resources(
        1e9, 1e12, 1e13, 1e-21
    )
    # 7e9 weights of 2 B and 986 GB of data, twice, on drives of 20 TB: 2 · 1e12 / 2e13
    assert corrected.d2_2_drives_corrected(7e9, 2, 986e9, 2, 20e12) == pytest.approx(0.1)


def test_d2_4_staff_cost():
    # 5 people at 120,000 USD a year for half a year
    year = 365.25 * 86400
    assert literal.d2_4_staff_cost(5, 120_000 / year, year / 2) == pytest.approx(300_000)


def test_d2_5_is_no_joint_proportionality():
    """C ∝ W at fixed P and T: doubling W must double C. The sum does not, the product does."""
    at = {"weights": 4.0, "performance": 2.0}
    double = at | {"weights": 8.0}
    sums = [literal.d2_5_computing_resources(**x, training_time=5.0, k_4=1.0, k_3=1.0) for x in (at, double)]
    products = [corrected.d2_5_computing_time_corrected(**x, passes=5.0, k=1.0) for x in (at, double)]
    assert sums == [7.0, 9.0]  # 4/2 + 5, 8/2 + 5
    assert products == [10.0, 20.0]


def test_d3_2_against_the_derivative():
    """With ŷ = w·x + b in place, the corrected gradient is the derivative of the squared error; the literal is not."""
    w, b, x, y = (sympy.Symbol(n, positive=True) for n in ("weight", "bias", "feature", "target"))
    derivative = readings.derivative(corrected.squared_error_of_line, "weight")
    prediction = w * x + b
    assert sympy.expand(derivative - corrected.d3_2_gradient_corrected(x, prediction, y)) == 0
    assert sympy.expand(derivative - literal.d3_2_gradient(w, prediction, y)) != 0


def test_d3_3_and_d4_2_walk_downhill():
    """On J = (w − 3)², from 5, a step of 0.25 against the gradient 4 halves the distance to the minimum."""
    for step in (literal.d3_3_gradient_step, literal.d4_2_gradient_step):
        assert step(5, 0.25, 2 * (5 - 3)) == 4


def test_d3_4_first_step_of_adam_has_the_size_of_the_learning_rate():
    """Kingma and Ba, section 2.1: at the first step m̂/√v̂ is the sign of the gradient."""
    for gradient in (-3.0, 0.01, 250.0):
        m_hat = literal.d3_4_bias_corrected(literal.d3_4_first_moment(0, gradient), 0.9, 1)
        v_hat = literal.d3_4_bias_corrected(literal.d3_4_second_moment(0, gradient), 0.999, 1)
        moved = literal.d3_4_adam_step(1.0, 0.001, m_hat, v_hat) - 1.0
        assert moved == pytest.approx(-math.copysign(0.001, gradient), rel=1e-5)


def test_d3_5_without_softmax_leaves_the_range_of_the_values():
    # Scores 8/√4 = 4 and 0: weights e⁴ and 1, so (e⁴·1 + 3) / (e⁴ + 1) = 1.036; the literal form gives 4.
    assert corrected.d3_5_attention_corrected(8, 0, 4, 1, 3) == pytest.approx((math.e**4 + 3) / (math.e**4 + 1))
    assert corrected.d3_5_attention_corrected(5, 5, 64, 1, 3) == 2  # equal scores: the mean
    assert literal.d3_5_attention(8, 4, 1) == 4


def test_d3_6_eight_heads_of_64():
    assert literal.d3_6_concatenated_width(8, 64) == 512
    assert corrected.multi_head_parameters(8, 64) == 4 * 512 * 512


def test_d4_1_is_the_ideal():
    assert literal.d4_1_parallel_time(1000, 8) == 125


# Worked examples: what the document says, what is computed, where it is wrong.


def test_every_worked_example_is_there():
    assert list(EXAMPLES) == ["D0.3", "D0.4", "D1.4", "D2.6", "D2.7", "D2.8", "D3.7", "D3.8", "D4.3"]
    assert {e.id for e in EXAMPLES.values() if e.right} == {"D0.3", "D2.8", "D3.8", "D4.3"}


def test_d0_3_compression_saves_a_thousandfold():
    assert figures("D0.3") == {
        "N = 1e6, complexity 1e8": (1e14, 1e14, True),
        "N = 1e5, complexity 1e6": (1e11, 1e11, True),
    }


def test_d0_4_counts_do_not_fit_mnist():
    found = figures("D0.4")
    assert found["training samples"] == (23_000, 60_000, False)
    assert found["test samples"] == (44_000, 10_000, False)
    assert found["23,000 at 118 µs"] == (3, pytest.approx(2.714), True)
    assert found["44,000 at 91 µs"] == (4, pytest.approx(4.004), True)
    assert found["one epoch of MNIST at 118 µs"] == (None, pytest.approx(7.08), None)
    assert found["steps per epoch"] == (None, 1875, None)  # 60,000 / 32
    assert found["parameters"] == (None, 101_770, None)  # 784·128 + 128 + 128·10 + 10


def test_d1_4_is_off_by_ten_and_mixes_units():
    found = figures("D1.4")
    assert found["T = N / B"] == (390_625, 3_906_250, False)  # 1e9 / 256
    assert found["390,625 s / 0.1 ms"] == (3.90625e6, pytest.approx(3.90625e9), False)
    assert found["E from T as computed"] == (None, pytest.approx(3.90625e10), None)


def test_d2_6_is_off_three_times():
    found = figures("D2.6")
    assert found["W, first given as 1750 × 1e8"] == (1.75e12, 1.75e11, False)
    assert found["C with W = 1750e9"] == (1.759e9, 1_750_000_090, False)
    assert found["C read out as 1.759 × 1e8 × 1e8"] == (1.759e16, 1_750_000_090, False)
    assert found["C with W = 175e9"] == (None, 175_000_090, None)
    # Brown et al. 2020, table D.1: 3.14e23 FLOP
    assert found["operations of the real training"][1] == pytest.approx(3.14e23, rel=0.01)


def test_d2_7_dropout_prunes_nothing():
    found = figures("D2.7")
    assert found["samples per epoch"] == (60_000, 54_000, False)  # validation_split = 0.1
    assert found["60,000 at 98 µs"] == (6, pytest.approx(5.88), True)
    assert found["parameters"][1] == found["parameters of the twin"][1] == 101_770
    assert found["parameters with 64 hidden features"][1] == 50_890  # 784·64 + 64 + 64·10 + 10


def test_d2_8_tens_of_millions_of_yuan_fits():
    low, high = (s.computed for s in EXAMPLES["D2.8"].statements)
    # 3.15e23 FLOP / 50 TFLOP/s = 6.3e9 s = 1.75e6 h at 1 USD/h and 6.9 yuan
    assert low == pytest.approx(1.75e6 * 6.9)
    assert high == pytest.approx(1.75e6 * 2 * 3.06 * 6.9)
    assert 1e7 < low < high < 1e8


def test_d3_7_adam_by_hand():
    found = figures("D3.7")
    assert found["m₁"] == (-0.01, pytest.approx(-0.01), True)  # 0.1 · -0.1
    assert found["v₁"] == (0.001, pytest.approx(1e-5), False)  # 0.001 · 0.01
    assert found["w₁"] == (0.4995, pytest.approx(0.51), False)  # 0.5 + 0.01 · 0.1 / 0.1
    assert found["m₂"] == (-0.012, pytest.approx(-0.011), False)  # 0.9 · -0.01 + 0.1 · -0.02
    assert found["v₂"] == (0.0012, pytest.approx(1.039e-5), False)  # 0.999 · 1e-5 + 0.001 · 4e-4
    assert found["bias-corrected m₁ (the text takes m₁)"] == (-0.01, pytest.approx(-0.1), False)
    assert found["bias-corrected v₁ (the text takes v₁)"] == (0.001, pytest.approx(0.01), False)
    # m̂₂ = -0.011 / 0.19, v̂₂ = 1.039e-5 / 0.001999, √v̂₂ = 0.072094: 0.51 + 0.01 · 0.057895 / 0.072094
    assert found["w₂"] == (0.499, pytest.approx(0.51803, abs=5e-6), False)


def test_d3_7_the_step_has_the_wrong_sign_even_with_the_documents_own_moments():
    """It puts m₁ = −0.01 and v₁ = 0.001 in for m̂₁ and v̂₁: 0.5 + 0.01 · 0.01 / √0.001 = 0.50316, not 0.4995."""
    assert literal.d3_4_adam_step(0.5, 0.01, -0.01, 0.001) == pytest.approx(0.503162, abs=1e-6)


def test_d3_8_the_convolutional_network():
    # 1·32·9 + 32 = 320; 32·26·26·128 + 128 = 2,769,024; 128·10 + 10 = 1,290
    assert worked.cnn_parameters() == 320 + 2_769_024 + 1_290 == 2_770_634
    assert figures("D3.8")["steps per epoch"] == (None, 938, None)  # 937.5 batches of 64
    assert EXAMPLES["D3.8"].right


def test_d4_3_the_linear_regression():
    assert figures("D4.3") == {
        "parameters": (None, 21, None),
        "training rows": (None, 8000, None),
        "steps per epoch": (None, 80, None),
    }


# Levers.


LINES = {lever.id: lever for lever in documents.LEVERS}


@pytest.mark.parametrize("lever", documents.LEVERS, ids=lambda lever: lever.id)
def test_a_lever_is_answered_with_finite_numbers(lever):
    answer = levers.answer(lever)
    assert set(lever.documents) <= set(documents.DOCUMENTS)
    assert lever.documents
    lengths = {len(column.values) for column in answer.columns.values()}
    assert len(lengths) == 1
    assert lengths.pop() >= 2
    numbers = [v for column in answer.columns.values() for v in column.values if isinstance(v, int | float)]
    assert numbers
    assert all(map(math.isfinite, numbers))
    assert re.search(r"\d", whatif.sentence(answer))
    shown = levers.text(lever)
    assert shown.startswith(whatif.sentence(answer))
    assert lever.line in shown


@pytest.mark.parametrize("lever", documents.LEVERS, ids=lambda lever: lever.id)
def test_a_levers_command_gives_the_levers_numbers(lever, capsys):
    program, *words = shlex.split(lever.line)
    assert program == "costmodel"
    assert run([*words, "-o", "json"]) == 0
    printed, answer = json.loads(capsys.readouterr().out), levers.answer(lever)
    if lever.command != "sweep":
        assert printed == json.loads(json.dumps(whatif.data(answer)))
        return
    for name, label in LABELS.items():
        assert tuple(printed[f"totals.{name}"]) == pytest.approx(answer.columns[label].values, rel=1e-12)


def test_documents_shows_a_lever_and_names_the_nearest(capsys):
    assert run(["documents", "--lever", "rent-or-buy"]) == 0
    assert capsys.readouterr().out == levers.text(LINES["rent-or-buy"]) + "\n"
    assert run(["documents", "--lever", "rent-or-bye"]) == 2
    assert "rent-or-buy" in capsys.readouterr().err


def test_the_documents_levers_are_all_there():
    """The kinds of saving that the documents speak of, each under at least one id."""
    assert {"model-size", "structure", "hardware", "mixed-hardware", "load-balance", "nodes", "parallelism"} <= set(
        LINES
    )
    assert {"data-transfer", "optimiser", "learning-rate", "batch-size", "mixed-precision", "quantisation"} <= set(
        LINES
    )
    assert {"pruning", "distillation", "data-volume", "preprocessing", "energy", "sleep", "low-power"} <= set(LINES)
    assert {"rent-or-buy", "team", "application"} <= set(LINES)


# The listing.


def test_report_shows_everything_within_100_columns():
    shown = documents.report()
    assert max(map(len, shown.splitlines())) <= 100
    for entry in documents.ENTRIES:
        assert re.search(rf"^{re.escape(entry.id)}  {entry.verdict}: ", shown, re.MULTILINE)
    for example in EXAMPLES.values():
        assert f"\n{example.id}  section {example.place}" in shown
    for lever in documents.LEVERS:
        assert f"\n{lever.name} (" in shown
        assert f"$ costmodel documents --lever {lever.id}\n" in shown + "\n"
    for piece in (
        "101,770",
        "2,770,634",
        "1,750,000,090",
        "gradient corrected = ",
        "costmodel documents --lever rent-or-buy",
    ):
        assert piece in shown


def test_report_marks_right_and_wrong():
    lines = documents.report().splitlines()
    assert any(re.fullmatch(r"  v₁ +0.001 +1e-05  wrong", line) for line in lines)
    assert any(re.fullmatch(r"  m₁ +-0.01 +-0.01  right", line) for line in lines)
    assert any(re.fullmatch(r"  parameters +101,770", line) for line in lines)
