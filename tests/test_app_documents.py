"""The page Documents without a browser: what it shows is what the library says."""

from dataclasses import replace
from functools import partial

import pytest
import visiting
from visiting import cells, drawn, shown

from costmodel import documents
from costmodel.documents.starts import choices, start
from costmodel.report import levers, whatif
from costmodel.report.quantities import show

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")

opened = partial(visiting.opened, "documents")


@pytest.mark.parametrize("lever", documents.LEVERS, ids=lambda lever: lever.id)
def test_a_lever_is_answered_as_the_library_answers(lever):
    app, answer = opened(lever=lever.id), levers.answer(lever)
    assert shown(app) == f"**{whatif.sentence(answer)}**"
    assert cells(app.dataframe[0]) == whatif.cells(answer)
    assert [block.value for block in app.code] == [lever.line]
    (chart,) = drawn(app)
    columns = whatif.charted(answer)
    assert sum(len(trace["x"]) for trace in chart) == len(columns) * len(whatif.cells(answer))


def test_bars_are_the_figures_of_the_table():
    ((bars,),), answer = drawn(opened(lever="grid")), levers.answer(levers.named("grid"))
    assert bars["x"] == list(answer.columns["carbon"].values)
    assert bars["y"][0] == f"SE <b>{show(bars['x'][0], 'kg')}</b>"


def test_rent_and_purchase_are_lines_over_the_time_used():
    (lines,) = drawn(opened(lever="rent-or-buy"))
    assert {line["name"] for line in lines} == {"rent on-demand", "buy"}
    assert all(line["x"] == pytest.approx([n / 10 for n in range(1, 11)]) for line in lines)
    assert all(0.1 < value < 10 for line in lines for value in line["y"])  # M USD


def test_a_question_without_an_answer_has_no_chart():
    app = opened(lever="hardware", lever_set=["parallelism.tp=1", "parallelism.zero=0", "parallelism.micro_batch=4096"])
    assert not app.exception
    assert "None of the points fits" in shown(app)
    assert not drawn(app)


def test_the_visitors_own_scenario_changes_the_answer_and_the_command():
    app, lever = opened(lever="nodes"), levers.named("nodes")
    app.text_input(key="nodes devices").set_value("256").run()
    asked = replace(lever, scenario=lever.scenario | {"devices": "256"})
    assert shown(app) == f"**{whatif.sentence(levers.answer(asked))}**"
    assert "--devices 256" in app.code[0].value


@pytest.mark.parametrize(
    "value", ["-1", "1e400", "many", "<script>alert(1)</script>", "../../etc/passwd", "64\nmodel=x"]
)
def test_what_is_no_number_of_devices_is_told(value):
    app = opened(lever="nodes")
    app.text_input(key="nodes devices").set_value(value).run()
    assert not app.exception
    (error,) = app.error
    assert "devices" in error.value.replace("\\", "")
    assert not app.dataframe


def test_models_are_chosen_from_the_catalog_alone():
    app = opened(lever="nodes")
    assert "nodes model" not in [field.key for field in app.text_input]
    assert "llama-3.1-8b" in app.selectbox(key="nodes model").options


@pytest.mark.parametrize("entry", documents.ENTRIES, ids=lambda entry: entry.id)
def test_a_formula_is_shown_with_its_correction_and_numbers(entry):
    app = opened(show="Formulas", formula=entry.id)
    assert shown(app).startswith(f"**{entry.id} is {entry.verdict}. {entry.remark}")
    assert app.code[0].value.splitlines() == [
        f"costmodel formulas {f.name}" for f in (*entry.formulas, *entry.corrected)
    ]
    values = "\n".join(block.value for block in app.markdown).replace("\\", "")
    for formula in (*entry.formulas, *entry.corrected):
        numbers = {name: start(formula, name) for name in formula.arguments}
        assert show(float(formula(**numbers)), formula.unit) in values


def test_a_slider_moves_the_formula():
    app = opened(show="Formulas", formula="D4.1")
    assert app.markdown[1].value == "**parallel time** = 1,250"  # 10,000 samples on 8 nodes
    app.select_slider(key="D4.1 nodes 1").set_value("16").run()
    assert app.markdown[1].value == "**parallel time** = 625"


def test_a_formula_is_drawn_along_the_argument_that_moves():
    app = opened(show="Formulas", formula="D1.2")
    assert [len(chart) for chart in drawn(app)] == [2, 2]  # the document's and the corrected one: a line, and a mark
    app.select_slider(key="D1.2 batch_size 1").set_value("512").run()
    ((line, mark),) = drawn(app)  # the corrected one does not know of batches
    assert (mark["x"], mark["y"]) == ([512], [1e9 / 512])
    assert line["y"] == pytest.approx([1e9 / x for x in line["x"]])
    assert cells(app.dataframe[0])[-1] == ["2,560", "391 k"]
    app.select_slider(key="D1.2 utilisation fraction").set_value("0.5").run()
    ((line, mark),) = drawn(app)
    assert mark["x"] == [0.5]
    assert mark["y"] == pytest.approx([6 * 1e9 * 3e11 / (1000 * 312e12 * 0.5) / 3600 / 24])  # days


@pytest.mark.parametrize("entry", documents.ENTRIES, ids=lambda entry: entry.id)
def test_every_argument_has_numbers_to_try(entry):
    for formula in (*entry.formulas, *entry.corrected):
        for argument in formula.arguments:
            found = choices(formula, argument)
            assert found == sorted(found)
            assert start(formula, argument) in found
            assert len({show(value, formula.arguments[argument]) for value in found}) == len(found)


@pytest.mark.parametrize("example", documents.examples(), ids=lambda example: example.id)
def test_a_worked_example_is_checked(example):
    app = opened(show="Worked examples", example=example.id)
    assert example.verdict in shown(app)
    verdicts = [row[3] for row in cells(app.dataframe[0])]
    assert ("wrong" in verdicts) == (not example.right)
    charts = drawn(app)
    assert len(charts) == (not example.right)
    assert sum(len(trace["x"]) for chart in charts for trace in chart) == (
        0 if example.right else sum(s.stated is not None for s in example.statements)
    )


def test_figures_of_an_example_are_drawn_over_those_computed():
    ((right, wrong),) = drawn(opened(show="Worked examples", example="D1.4"))
    assert right["x"] == []
    assert wrong["x"] == pytest.approx([390_625 / 3_906_250, 3.90625e6 / (390_625 / 1e-4)])


@pytest.mark.parametrize(
    "query", [{"lever": "<script>"}, {"show": "Formulas", "formula": "D9.9"}, {"lever": "x" * 100_000}]
)
def test_an_address_that_names_nothing_is_told(query):
    assert "which is not possible here" in shown(opened(**query))


def test_any_assumption_of_a_lever_can_be_the_visitors_own():
    lever = levers.named("rent-or-buy")
    app = opened(lever="rent-or-buy", lever_set=["costs.price=3.5 USD/h", "costs.hardware_life=3 years"])
    asked = replace(lever, scenario=lever.scenario | {"costs.price": "3.5 USD/h", "costs.hardware_life": "3 years"})
    assert shown(app) == f"**{whatif.sentence(levers.answer(asked))}**"
    assert [block.value for block in app.code] == [asked.line]


@pytest.mark.parametrize("path", ["model", "profile", "hardware"])
def test_no_lever_reads_a_file_of_the_server(path, tmp_path):
    file = tmp_path / "config.json"
    file.write_text("{}")
    app = opened(lever="rent-or-buy", lever_set=[f"{path}={file}"])
    assert not app.success
    assert "files are not read here" in shown(app) or "unknown hardware" in shown(app)
