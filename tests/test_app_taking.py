"""What every page lets a visitor take along, without a browser."""

import csv
import io
from html import escape

import pytest
from visiting import cells, opened, shown

from costmodel.api import estimate
from costmodel.report import evidence, html, methods

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")

PAGES = ("estimate", "compare", "compress", "documents", "evidence", "explore", "machine", "sensitivity", "size")
SERVED = {"model": "llama-3.1-70b", "hardware": "h100-sxm", "devices": 1, "workload": "serve"}


def buttons(app):
    return [button.proto.label for button in app.get("download_button")]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_gives_a_command_its_figures_its_scenario_and_itself(page):
    app = opened(page)
    named = buttons(app)
    assert named[-2:] == ["Figures as CSV", "Report as HTML"]
    assert [label.endswith(" as YAML") for label in named[:-2]] == ([] if page == "evidence" else [True])
    assert any(block.value.startswith("costmodel ") for block in app.code)


@pytest.mark.parametrize("page", PAGES[1:])
def test_a_page_as_a_file_holds_its_tables_and_needs_nothing_else(page):
    app = opened(page)
    found = html.sheet("The answer.", app.session_state["page blocks"], "costmodel estimate", "model: <b>")
    assert "<h1>The answer.</h1>" in found
    assert "model: &lt;b&gt;" in found
    for table in app.dataframe:
        for cell in cells(table)[0]:
            assert escape(str(cell)) in found
    assert found.count('<figure role="img" aria-label="') == len(app.get("plotly_chart"))
    assert found.count("<script src=") == found.count("<link ") == found.count("<img ") == 0


@pytest.mark.parametrize("section", ["Formulas", "Worked examples"])
def test_formulas_and_examples_go_along_too(section):
    app = opened("documents", show=section)
    assert buttons(app) == ["Figures as CSV", "Report as HTML"]
    found = html.sheet("The answer.", app.session_state["page blocks"])
    assert found.count("<math") == len(app.latex)
    assert all(escape(str(cell)) in found for cell in cells(app.dataframe[0])[0])


def test_nothing_that_a_chart_or_a_table_says_becomes_code():
    go = pytest.importorskip("plotly.graph_objects")
    script = "</script><script>alert(1)</script>"
    chart = go.Figure(go.Bar(x=[1], y=[script], name=script))
    found = html.sheet(
        script, [("chart", chart, script), ("table", [{script: script}], script), ("caption", script, "")]
    )
    assert "<script>alert" not in found


def test_an_address_that_is_too_long_is_told_before_it_is_kept():
    changes = [f"model={{family: llama, parameters: 8 B{' ' * 60_000}}}"]
    assert "The address of this page is too long to be opened again" in shown(opened(set=changes))


def test_methods_that_do_not_fit_have_no_figures_in_the_table():
    answers = {"baseline": estimate(SERVED), "int4": estimate(SERVED | {"compression": "int4"})}
    head, baseline, int4 = csv.reader(io.StringIO(methods.as_csv(answers)))
    cost = head.index("cost_usd")
    assert (baseline[:2], baseline[cost]) == (["baseline", "False"], "")
    assert float(int4[cost]) == answers["int4"].totals["cost_usd"]


def test_the_table_of_evidence_is_what_the_page_shows():
    for table, groups in evidence.published().items():
        head, *lines = csv.reader(io.StringIO(evidence.as_csv(table)))
        assert len(lines) == sum(map(len, groups.values()))
        assert float(lines[0][head.index("median")]) == groups[lines[0][0]][lines[0][1]]["median"]
