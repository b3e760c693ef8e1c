"""The page Documents without a browser: what it shows is what the library says."""

import runpy
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from costmodel import documents
from costmodel.documents.starts import choices, start
from costmodel.report import levers, whatif
from costmodel.report.quantities import show

pytest.importorskip("streamlit", reason="streamlit is not installed (extra: app)")
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")

_visiting = runpy.run_path(str(Path(__file__).with_name("visiting.py")))
opened, shown, cells = partial(_visiting["opened"], "documents"), _visiting["shown"], _visiting["cells"]


@pytest.mark.parametrize("lever", documents.LEVERS, ids=lambda lever: lever.id)
def test_a_lever_is_answered_as_the_library_answers(lever):
    app, answer = opened(lever=lever.id), levers.answer(lever)
    assert shown(app) == f"**{whatif.sentence(answer)}**"
    assert cells(app.dataframe[0]) == whatif.cells(answer)
    assert [block.value for block in app.code] == [lever.line]


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
    assert entry.remark in shown(app)
    values = "\n".join(block.value for block in app.markdown).replace("\\", "")
    for formula in (*entry.formulas, *entry.corrected):
        numbers = {name: start(formula, name) for name in formula.arguments}
        assert show(float(formula(**numbers)), formula.unit) in values


def test_a_slider_moves_the_formula():
    app = opened(show="Formulas", formula="D4.1")
    assert app.markdown[1].value == "**parallel time** = 1,250"  # 10,000 samples on 8 nodes
    app.select_slider(key="D4.1 nodes 1").set_value("16").run()
    assert app.markdown[1].value == "**parallel time** = 625"


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


@pytest.mark.parametrize(
    "query", [{"lever": "<script>"}, {"show": "Formulas", "formula": "D9.9"}, {"lever": "x" * 100_000}]
)
def test_an_address_that_names_nothing_is_told(query):
    assert "which is not possible here" in shown(opened(**query))


def test_any_assumption_of_a_lever_can_be_the_visitors_own():
    lever = levers.named("cloud")
    app = opened(lever="cloud", lever_set=["costs.price=3.5 USD/h", "costs.hardware_life=3 years"])
    asked = replace(lever, scenario=lever.scenario | {"costs.price": "3.5 USD/h", "costs.hardware_life": "3 years"})
    assert shown(app) == f"**{whatif.sentence(levers.answer(asked))}**"
    assert [block.value for block in app.code] == [asked.line]


@pytest.mark.parametrize("path", ["model", "profile", "hardware"])
def test_no_lever_reads_a_file_of_the_server(path, tmp_path):
    file = tmp_path / "config.json"
    file.write_text("{}")
    app = opened(lever="cloud", lever_set=[f"{path}={file}"])
    assert not app.success
    assert "files are not read here" in shown(app) or "unknown hardware" in shown(app)
