"""The web app: every file in pages/ is a page. Start it with `costmodel app`."""

from pathlib import Path

import streamlit as st

from costmodel.app import drawing
from costmodel.app.parts import ARRIVES, PAGE, renamed

FIRST = "estimate"
TITLES = {"machine": "This machine"}

st.set_page_config(page_title="costmodel", page_icon=":material/calculate:", layout="wide")

# On a telephone formulas are smaller, so that most fit it, and long links take two lines. What is chosen stands in the
# colour of text: white on the primary colour and that colour on a dark page cannot both be legible.
STYLE = """<style>
.katex-display {{font-size: clamp(0.75rem, 3vw, 1rem)}}
[data-testid=stPageLink] * {{white-space: normal}}
[data-testid=stButtonGroup] [aria-checked=true] p, [data-testid=stSliderThumbValue] p {{color: {ink}}}
</style>"""

paths = [path for path in Path(__file__).parent.glob("pages/*.py") if path.stem != "__init__"]
paths.sort(key=lambda path: (path.stem != FIRST, path.stem))
pages = [
    st.Page(path, title=TITLES.get(path.stem, path.stem.replace("_", " ").capitalize()), default=path.stem == FIRST)
    for path in paths
]
page = st.navigation(pages, position="top")
if st.session_state.get(PAGE) != page.url_path and (address := renamed()):
    st.switch_page(page, query_params=address)
st.session_state[ARRIVES] = st.session_state.get(PAGE) != page.url_path
st.session_state[PAGE] = page.url_path
st.html(STYLE.format(ink=drawing.ink()))
drawing.begin(page.url_path or FIRST)
page.run()
