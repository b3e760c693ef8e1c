"""How the tests of the app visit a page without a browser, and read what it shows."""

import json
import warnings
from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed (extra: app)")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of other projects
    from streamlit.runtime.pages_manager import PagesManager
    from streamlit.testing.v1 import AppTest, app_test

    import costmodel.app

# As costmodel.app.serve has it: main.py alone says which pages there are. AppTest asks anew at each run, its own class.
PagesManager.uses_pages_directory = False
app_test.PagesManager = type("Pages", (PagesManager,), {})
MAIN = Path(next(iter(costmodel.app.__path__))) / "main.py"


def opened(page="estimate", **query):
    app = AppTest.from_file(str(MAIN), default_timeout=60)
    if page != "estimate":
        app.switch_page(f"pages/{page}.py")
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def shown(app, *more):
    """The coloured boxes, and the blocks of the kinds in `more`, without the marks of Markdown."""
    boxes = (box.value for kind in ("success", "error", "warning", "info", *more) for box in getattr(app, kind))
    return "\n".join(boxes).replace("\\", "")


def cells(table):
    return [list(row) for row in table.value.itertuples(index=False)]


def drawn(app):
    """The traces of each chart."""
    return [json.loads(chart.proto.spec)["data"] for chart in app.get("plotly_chart")]
