"""The pages Size and Compress without a browser: what they show is what the library says."""

import json
import shlex

import pytest
from visiting import cells, drawn, opened, shown

from costmodel import loading, plan
from costmodel.api import estimate
from costmodel.cli.main import run
from costmodel.costs.energy import energy_per_million
from costmodel.plan.sizing import SizePlan
from costmodel.report import methods
from costmodel.report import plan as report

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")

TRAINED = {
    "model": {"family": "llama", "parameters": "13 B"},
    "hardware": "h100-sxm",
    "devices": 1024,
    "workload": "train",
}
SERVED = {
    "model": "llama-3.1-70b",
    "hardware": "h100-sxm",
    "devices": 8,
    "workload": {"kind": "serve", "input_tokens": 1024, "output_tokens": 256},
}
PRUNED = {"method": "prune", "layers": 0.25, "tokens": "10 B"}
CHAINS = {
    "fp8": "fp8",
    "int4": "int4",
    "pruned": [PRUNED],
    "distilled": [{"method": "distil", "student": "llama-3.1-8b", "tokens": "100 B"}],
}


def named(app):
    """The traces of each chart by name."""
    return [{trace.get("name"): trace for trace in traces} for traces in drawn(app)]


def answered(capsys, command):
    """What the command line prints when a command of a page is typed."""
    assert run(shlex.split(command)[1:]) == 0
    return capsys.readouterr().out


# Size.


@pytest.mark.parametrize(
    ("query", "served", "question"),
    [
        ({}, 1e12, {"loss": 2.1}),
        ({"served": "10 T", "loss": "2.3"}, 1e13, {"loss": 2.3}),
        ({"given": "budget", "budget": "2 M"}, 1e12, {"budget": 2e6}),
        ({"served": "0", "bits": "int4", "input_tokens": "5"}, 0.0, {"loss": 2.1}),
        ({"bits": "int4"}, 1e12, {"loss": 2.1, "serve": ["compression=int4"]}),
        ({"output_tokens": "1 k"}, 1e12, {"loss": 2.1, "serve": ["workload.output_tokens=1 k"]}),
        ({"law": "step-law"}, 1e12, {"loss": 2.1, "law": "step-law"}),
        ({"unique": "200 B"}, 1e12, {"loss": 2.1, "unique_tokens": 2e11}),
    ],
)
def test_a_plan_of_size_is_the_librarys_and_its_command_gives_it_again(capsys, query, served, question):
    app, found = opened("size", rivals="true", **query), plan.size(TRAINED, served, **question)
    assert shown(app).startswith(f"**{report.sentence(found)}**")
    assert [(card.label, card.value, card.delta) for card in app.metric] == report.figures(found)
    assert cells(app.dataframe[0]) == report.cells(found)
    assert cells(app.dataframe[1]) == report.rivals(found)
    assert all(warning in shown(app) for warning in found.warnings)
    text = answered(capsys, app.code[0].value)
    assert text.startswith(report.sentence(found))
    assert all(note in text for note in report.notes(found))


def test_costs_are_stacked_and_the_named_sizes_are_where_the_plan_has_them():
    app, found = opened("size"), plan.size(TRAINED, 1e12, loss=2.1)
    traces = named(app)[0]
    training, serving = traces["training"], traces["serving"]
    assert training["stackgroup"] == serving["stackgroup"]
    assert training["x"] == [row.parameters for row in found.curve]
    sums = [a + b for a, b in zip(training["y"], serving["y"], strict=True)]
    assert sums == pytest.approx([row.total_usd for row in found.curve])
    assert min(sums) == pytest.approx(found.best.total_usd)
    for name, row in (("best", found.best), ("compute-optimal", found.compute_optimal), ("stated", found.stated)):
        (trace,) = (trace for label, trace in traces.items() if label and label.startswith(f"{name} "))
        assert (trace["x"], trace["y"]) == ([row.parameters], [pytest.approx(row.total_usd)])


def test_the_best_size_is_followed_over_the_tokens_served():
    app = opened("size", given="budget", budget="20 k", moved="true")
    rows, alone = cells(app.dataframe[1]), {}
    for served in (1e9, 1e10, 1e11, 1e12, 1e13, 1e14):
        try:
            alone[served] = plan.size(TRAINED, served, budget=2e4)
        except ValueError as error:
            alone[served] = SizePlan(None, "", served, None, 2e4, None, None, reason=str(error))
    assert rows == report.moved(alone)
    assert "pays no size" in rows[-1][1]  # 100 T tokens for 20 k USD: no model is that cheap
    best = named(app)[2]["best"]
    answers = [found.best.parameters for found in alone.values() if found.best]
    assert best["y"] == answers
    assert answers[-1] < answers[0]
    assert report.movement(alone) in "\n".join(block.value for block in app.markdown).replace("\\", "")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"loss": "many"}, "loss: 'many' is not a number"),
        ({"loss": ""}, "loss: '' is not a number"),
        ({"loss": "1.7"}, "no model reaches 1.7 nats"),
        ({"loss": "-2"}, "loss"),
        ({"loss": "<img src=x onerror=alert(1)>"}, "is not a number"),
        ({"given": "budget", "budget": "5"}, "pays no size"),
        ({"given": "budget", "budget": "1e99"}, "budget must lie between"),
        ({"devices": "0"}, "devices: must be at least 1"),
        ({"devices": "\x00"}, "devices"),
        ({"parameters": "x" * 10_000}, "parameters"),
        ({"unique": "?"}, "new tokens: '?' is not a number"),
        ({"unique": "1 T", "law": "step-law"}, "step-law knows no repeated data"),
        ({"input_tokens": "-1"}, "workload.input_tokens"),
    ],
)
def test_what_no_plan_answers_is_said_in_plain_words(query, said):
    app = opened("size", **query)
    assert said in app.error[0].value.replace("\\", "")
    assert len(shown(app)) < 500
    assert not app.metric


def test_a_budget_for_training_alone_has_nothing_to_follow():
    app = opened("size", given="budget", budget="8", served="0", moved="true")
    assert app.success
    assert all(row[1].startswith("no plan: ") for row in cells(app.dataframe[1]))
    assert len(app.get("plotly_chart")) == 2
    assert cells(app.dataframe[0])


def test_a_saving_that_rounds_to_nothing_is_not_called_zero():
    # With nothing served the best size is the compute-optimal one, but for the steps of layouts (docs/size.md).
    (said,) = report.against_balance(plan.size(TRAINED, 0.0, loss=2.1))
    assert said.endswith("saves less than 1% of the cost.")


@pytest.mark.parametrize("name", ["given", "family", "hardware", "law", "served", "bits"])
def test_what_the_address_of_size_cannot_say_is_told(name):
    app = opened("size", **{name: "<script>"})
    assert f"The address says {name} = <script>, which is not possible here" in shown(app)
    assert report.sentence(plan.size(TRAINED, 1e12, loss=2.1)) in shown(app)


# Compress.


def compared(chains, **changes):
    trees = {"baseline": SERVED} | {name: SERVED | {"compression": chain} for name, chain in chains.items()}
    return {name: estimate(tree | changes) for name, tree in trees.items()}


def test_methods_stand_beside_the_baseline_as_the_library_estimates_them(capsys):
    app, answers = opened("compress", memory="true"), compared(CHAINS)
    assert shown(app).startswith(f"**{methods.sentence(answers)}**")
    assert all(caution in shown(app) for caution in methods.cautions(answers))
    figures, memory, known = app.dataframe
    assert cells(figures) == methods.beside(answers)
    assert cells(known) == methods.evidence(answers)
    assert "The address says" not in shown(app)
    assert list(memory.value.columns) == ["figure", "baseline", *CHAINS]
    typed = app.code[0].value.splitlines()
    for command, answer in zip(typed, answers.values(), strict=True):
        found = json.loads(answered(capsys, f"{command} -o json"))
        assert found["totals"]["cost_usd"] == pytest.approx(answer.totals["cost_usd"])


def test_the_parts_of_memory_add_up():
    app, answers = opened("compress", memory="true"), compared(CHAINS)
    traces = named(app)[2]
    for place, answer in enumerate(answers.values()):
        assert sum(trace["x"][place] for trace in traces.values()) == pytest.approx(
            answer.outcome.memory_used / 1e9
        )  # GB


def test_costs_are_drawn_with_their_ranges():
    app, answers = opened("compress"), compared(CHAINS)
    ranges, points = drawn(app)[0]
    assert points["x"] == [a.outcome.performance[methods.COST] for a in answers.values()]
    spreads = [a.ranges[methods.COST] for a in answers.values()]
    assert ranges["x"] == [x for spread in spreads for x in (spread["p10"], spread["p90"], None)]


def test_a_chain_is_chosen_by_name_and_shaped_by_its_own_inputs():
    app = opened("compress")
    app.multiselect(key="methods").set_value(["pruned, int4"]).run()
    app.text_input(key="layers").set_value("0.5").run()
    answers = compared({"pruned, int4": [PRUNED | {"layers": 0.5}, {"method": "quantise", "weights": "int4"}]})
    assert f"**{methods.sentence(answers)}**" in shown(app)
    assert not [box for box in app.selectbox if box.key == "student"]


def test_without_a_method_there_is_nothing_to_compare():
    app = opened("compress")
    app.multiselect(key="methods").set_value([]).run()
    assert "Choose a method" in shown(app)
    assert not app.dataframe


def test_what_does_not_fit_stands_beside_what_does():
    app = opened("compress", devices="1")
    answers = compared(CHAINS, devices=1)
    said = methods.sentence(answers)
    assert said.startswith("Uncompressed, llama-3.1-70b on 1 × h100-sxm does not fit; cheapest is distilled")
    assert f"**{said}**" in shown(app)
    rows = {row[0]: row[1:] for row in cells(app.dataframe[0])}
    assert rows["time per output token"][0] == "does not fit" != rows["time per output token"][2]
    assert rows["paid after output tokens"] == ["–"] * 5  # nothing to save against


def test_where_nothing_fits_it_says_so():
    app = opened("compress", model="llama-3.1-405b", devices="1", methods=["int4", "pruned"])
    assert "nor any of its 2 compressed forms fits" in shown(app)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"devices": "-1"}, "devices: must be at least 1"),
        ({"input_tokens": "many"}, "workload.input_tokens: 'many' is not a number"),
        ({"layers": "2"}, "compression.0"),
        ({"layers": ""}, "says nothing to remove"),
        ({"healing": "x" * 10_000}, "compression.0"),
        ({"distilling": ""}, "compression.0"),
        ({"hardware": "a100-sxm-80gb"}, "fp8"),
    ],
)
def test_what_is_wrong_with_a_method_is_said_once(query, said):
    app = opened("compress", **query)
    (error,) = app.error
    assert said in error.value.replace("\\", "")
    assert len(shown(app)) < 500
    assert not app.dataframe


@pytest.mark.parametrize("name", ["model", "hardware", "methods", "student"])
def test_what_the_address_of_compress_cannot_say_is_told(name):
    app = opened("compress", **{name: "<script>"})
    assert f"The address says {name} = <script>, which is not possible here" in shown(app)


# What both faces may show.


def test_energy_of_a_million_tokens():
    assert energy_per_million(7200.0, 2e6) == 3600.0


def test_the_sentence_prefers_what_has_evidence():
    said = methods.sentence(compared(CHAINS))
    assert "is distilled: " in said
    assert "no evidence on its quality. With evidence it is fp8: " in said
    assert methods.sentence(compared({"fp8": "fp8"})).count("fp8") == 1


def test_what_saves_nothing_is_not_recommended():
    larger = {"method": "distil", "student": "llama-3.1-70b", "tokens": "100 B"}
    answers = compared({"larger": [larger]}, model="llama-3.1-8b")
    assert methods.sentence(answers).startswith("None of 1 methods serves llama-3.1-8b on 8 × h100-sxm for less")
    assert "larger: the student is larger than its teacher" in methods.cautions(answers)
    rows = {row[0]: row[1:] for row in methods.beside(answers)}
    assert rows["paid after output tokens"] == ["–", "no saving to pay it"]


def test_what_a_chain_takes_is_paid_by_what_it_saves_as_a_whole():
    chain = [
        {"method": "distil", "student": "llama-3.1-8b", "tokens": "100 B"},
        {"method": "quantise", "weights": "int4"},
    ]
    answers = compared({"both": chain})
    steps = answers["both"].compression
    saved = steps[0].before.cost_per_million_tokens_usd - steps[1].after.cost_per_million_tokens_usd
    rows = {row[0]: row[1:] for row in methods.beside(answers)}
    tokens = 1e6 * (steps[0].cost_usd + steps[1].cost_usd) / saved
    assert rows["paid after output tokens"][1] == f"{tokens / 1e9:.3g} B"
    assert rows["accuracy kept"][1].startswith("no evidence, then 0.9")


def test_a_scenario_of_the_page_is_that_of_the_file():
    tree = {**SERVED, "compression": [PRUNED]}
    assert loading.load(SERVED, [f"compression={json.dumps([PRUNED])}"]) == loading.load(tree)
