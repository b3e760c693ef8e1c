"""The app in a real browser, over Chromium's own protocol: what AppTest cannot see (the address bar, the width)."""

import base64
import io
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from importlib.util import find_spec

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
KEYS = {"Enter": 13, "ArrowRight": 39}
PATIENCE = 60  # seconds until a wait gives up; no test depends on how long anything takes

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(find_spec("streamlit") is None, reason="streamlit is not installed (extra: app)"),
    pytest.mark.skipif(find_spec("websockets") is None, reason="websockets is not installed (it comes with streamlit)"),
]


def until(found, what):
    """The first true result of `found`."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if result := found():
            return result
        time.sleep(0.1)
    raise AssertionError(f"not seen within {PATIENCE} s: {what}")


@contextmanager
def started(*command, **environment):
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        command, stdout=quiet, stderr=quiet, start_new_session=True, env=os.environ | environment
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # with what it started itself
        process.wait(20)


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return reply.read()
    except OSError:
        return None


class Page:
    """A tab of the browser."""

    def __init__(self, connection):
        self.connection, self.numbers = connection, itertools.count(1)

    def do(self, method, **parameters):
        number = next(self.numbers)
        self.connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (message := json.loads(self.connection.recv(timeout=PATIENCE))).get("id") != number:
            pass
        return message["result"]

    def value(self, script):
        return self.do("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def text(self):
        return self.value("document.body.innerText") or ""

    def open(self, url, width):
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        self.do("Page.navigate", url=url)

    def complete(self):
        """Whether the last run is over and everything that it drew is in place."""
        done = "[data-test-script-state=notRunning] [data-testid=stDataFrame]"
        return self.value(f"!!document.querySelector('{done}') && !document.querySelector('[data-stale=true]')")

    def press(self, key):
        for event in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and event == "keyDown" else {}
            self.do("Input.dispatchKeyEvent", type=event, key=key, code=key, windowsVirtualKeyCode=KEYS[key], **text)


@contextmanager
def serving(profiles):
    """The address of the app."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = (sys.executable, "-m", "costmodel", "app", "--headless", f"--port={port}")
    with started(*start, COSTMODEL_PROFILES=str(profiles)):
        until(lambda: answers(f"http://127.0.0.1:{port}/_stcore/health"), "the app")
        yield f"http://127.0.0.1:{port}/"


@contextmanager
def browsing(home):
    """A tab of a browser that keeps its files in `home`."""
    from websockets.sync.client import connect

    quiet = "--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update"
    flags = ["--headless", "--no-sandbox", *quiet.split(), "--disable-sync", "--disable-dev-shm-usage"]
    with started(CHROMIUM, *flags, f"--user-data-dir={home}", "--remote-debugging-port=0", "about:blank"):
        port_file = home / "DevToolsActivePort"
        port = until(lambda: port_file.exists() and port_file.read_text().split(), "the browser")[0]
        tabs = json.loads(until(lambda: answers(f"http://127.0.0.1:{port}/json/list"), "a tab"))
        address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
        with connect(address, max_size=None) as connection:
            yield Page(connection)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("profiles")) as address:
        yield address


@pytest.fixture
def page(tmp_path):
    with browsing(tmp_path / "browser") as tab:
        yield tab


TITLES = {"machine": "This machine", "evidence": "Evidence"}
TITLES |= {"compare?scenarios=3": "Compare", "explore?y=precision.compute": "Explore", "sensitivity": "Sensitivity"}


@pytest.mark.parametrize(("path", "title"), TITLES.items())
@pytest.mark.parametrize("width", [400, 1440])
def test_a_link_to_a_page_opens_in_the_app_and_nothing_is_cut_off(app, page, path, title, width):
    # First in this file: before its first page was visited, Streamlit itself does not know of the app's menu.
    page.open(f"{app}{path}", width)
    until(page.complete, "the finished page")
    assert page.value("document.querySelector('h1').innerText") == title
    if width > 1000:
        assert page.value("document.querySelector('[data-testid=stTopNavLinkContainer]') !== null")
    beyond = "e => e.getBoundingClientRect().right > window.innerWidth + 1"
    boxes = "input, pre, .js-plotly-plot, [data-testid=stTable], [data-testid=stDataFrame]"
    assert page.value(f"[...document.querySelectorAll('{boxes}')].filter({beyond}).length") == 0
    main = "document.querySelector('[data-testid=stMain]')"
    assert page.value(f"{main}.scrollWidth - {main}.clientWidth") == 0


def test_a_calibration_is_followed_and_cancelled(app, page):
    def press(label):
        button = f"[...document.querySelectorAll('button')].find(b => b.innerText.startsWith('{label}'))"
        until(lambda: page.value(f"!!{button}"), label)
        page.value(f"{button}.click()")

    page.open(f"{app}machine?model=pythia-70m", 1440)
    press("Measure this machine")
    until(lambda: "s left" in page.text(), "progress")
    press("Cancel")
    until(lambda: "No new profile: cancelled" in page.text(), "the end")
    assert page.value("location.search") == "?model=pythia-70m"


def test_a_scenario_in_the_address_is_answered_and_a_change_returns_to_the_address(app, page):
    page.open(f"{app}?devices=128", 1440)
    # Typing starts as soon as there is a field, mostly while the first run still draws: no edit may get lost then.
    field = "document.querySelector('input[aria-label=\"Tokens\"]')"
    until(lambda: page.value(f"{field}?.focus(); !!{field} && {field} === document.activeElement"), "the focus")
    page.do("Input.insertText", text="1 T")
    page.press("Enter")
    until(lambda: "--set 'workload.tokens=1 T'" in page.text(), "the command of the changed scenario")
    until(lambda: "tokens=1" in page.value("location.search"), "the change in the address")
    assert "devices=128" in page.value("location.search")
    assert "Training llama-3.1-8b on 128 × h100-sxm takes" in page.text()
    until(page.complete, "the finished page")
    assert "The address says" not in page.text()


def test_other_names_in_an_address_are_replaced_by_those_of_the_inputs(app, page):
    page.open(f"{app}compare?model=resnet-50&hardware_B=b200&grid_B=us-east4&set_B=costs.pue=1.1&devices=8", 1440)
    until(page.complete, "the finished page")
    until(lambda: "grid_B=gcp" in page.value("location.search"), "the grid in the address")
    search = page.value("decodeURIComponent(location.search)")
    for said in ("model=torchvision-resnet50", "hardware_B=b200-sxm", "set_B=costs.pue=1.1", "devices=8"):
        assert said in search
    assert "The address says" not in page.text()


def test_one_press_makes_it_fit(app, page):
    page.open(f"{app}?model=llama-3.1-70b&devices=1", 1440)
    button = "[...document.querySelectorAll('button')].find(b => b.innerText.startsWith('Nearest change that fits'))"
    until(lambda: page.value(f"!!{button}"), "the nearest change that fits")
    page.value(f"{button}.click()")
    until(lambda: "× h100-sxm takes" in page.text(), "the answer")
    until(lambda: "devices=1&" not in page.value("location.search + '&'"), "the change in the address")
    assert "devices=" in page.value("location.search")


@pytest.mark.parametrize("width", [400, 1440])
@pytest.mark.parametrize(
    "query", ["", "workload=serve", "model=llama-3.1-70b&devices=1", "total=time&explain=totals.cost_usd"]
)
def test_nothing_is_cut_off_or_lies_beyond_the_screen(app, page, query, width):
    page.open(f"{app}?{query}", width)
    until(page.complete, "the finished page")
    boxes = "input, pre, .js-plotly-plot, [data-testid=stTable], [data-testid=stMetric], [data-testid=stLatex]"
    beyond = "e => e.getBoundingClientRect().right > window.innerWidth + 1"
    assert page.value(f"[...document.querySelectorAll('{boxes}')].filter({beyond}).length") == 0
    cut = "[...document.querySelectorAll('[data-testid=stMetric] *')].filter(e => e.scrollWidth > e.clientWidth + 1)"
    assert page.value(f"{cut}.map(e => e.innerText).filter(Boolean)") == []
    main = "document.querySelector('[data-testid=stMain]')"
    assert page.value(f"{main}.scrollWidth - {main}.clientWidth") == 0


@pytest.mark.parametrize(
    ("hostile", "said"),
    [
        ("devices=-5", "devices: must be at least 1"),
        ("devices=%00", "devices:"),
        ("tokens=<img src=x onerror=document.title='owned'>", "is not a number"),
        ("model=../../etc/passwd", "The address says model = ../../etc/passwd, which is not possible here"),
        ("workload=<script>", "The address says workload = <script>, which is not possible here"),
    ],
)
def test_a_bad_address_is_told_in_plain_words(app, page, hostile, said):
    page.open(f"{app}?{hostile}", 800)
    until(lambda: said in page.text(), said)
    assert page.value("document.title") != "owned"


def beyond_the_screen(page):
    main = "document.querySelector('[data-testid=stMain]')"
    return page.value(f"{main}.scrollWidth - {main}.clientWidth")


def test_the_slider_of_size_is_written_to_the_address(app, page):
    page.open(f"{app}size?served=10+T&given=budget", 400)
    until(page.complete, "the finished page")
    assert "training and serving 10 T tokens" in page.text()
    assert "The address says" not in page.text()
    assert beyond_the_screen(page) == 0
    page.value("document.querySelector('[data-testid=stSlider] input').focus()")
    page.press("ArrowRight")
    until(lambda: "training and serving 30 T tokens" in page.text(), "the plan of the changed question")
    until(lambda: "served=30" in page.value("location.search"), "the change in the address")
    assert "given=budget" in page.value("location.search")


def test_methods_of_compress_come_from_the_address_and_return_to_it(app, page):
    page.open(f"{app}compress?methods=int4&methods=pruned,+int4&devices=4", 400)
    until(page.complete, "the finished page")
    assert "llama-3.1-70b on 4 × h100-sxm" in page.text()
    assert "The address says" not in page.text()
    assert beyond_the_screen(page) == 0
    until(lambda: page.text().count("costmodel estimate --model llama-3.1-70b") == 3, "a command for each method")
    page.value("document.querySelector('button[aria-label=\"Remove int4\"]').click()")
    until(lambda: page.text().count("costmodel estimate --model llama-3.1-70b") == 2, "one method less")
    until(lambda: "methods=int4" not in page.value("location.search"), "the change in the address")
    assert "methods=pruned" in page.value("location.search")


def test_the_picture_of_the_readme(app, page):
    page.open(app, 1440)
    page.do("Emulation.setDeviceMetricsOverride", width=1440, height=1400, deviceScaleFactor=1, mobile=False)
    until(page.complete, "the finished page")
    until(lambda: page.value("!!document.querySelector('.js-plotly-plot .bars')"), "the chart")
    assert "Training llama-3.1-8b on 64 × h100-sxm takes" in page.text()
    heading = "[...document.querySelectorAll('h1, h3')].find(h => h.innerText.startsWith('{}'))"
    top, end = (page.value(f"{heading.format(text)}.getBoundingClientRect().top") for text in ("Estimate", "Memory"))
    assert top < end
    from PIL import Image  # comes with streamlit

    if picture := os.environ.get("PICTURE"):  # `make picture`
        clip = {"x": 0, "y": top - 8, "width": 1440, "height": end - top + 20, "scale": 1}
        shot = page.do("Page.captureScreenshot", clip=clip)
        Image.open(io.BytesIO(base64.b64decode(shot["data"]))).quantize(64).save(picture, optimize=True)


def follow(page, label):
    link = f"[...document.querySelectorAll('a')].find(a => a.innerText.trim().endsWith('{label}'))"
    until(lambda: page.value(f"!!{link}"), label)
    page.value(f"{link}.click()")


def test_a_scenario_goes_along_to_other_pages_and_into_their_address(app, page):
    page.open(f"{app}?devices=128&set=costs.pue%3D1.3", 1440)
    until(page.complete, "the finished page")
    for title, command in (("Explore", "costmodel sweep"), ("Sensitivity", "costmodel sensitivity")):
        follow(page, title)
        until(lambda name=command: f"{name} --model llama-3.1-8b" in page.text(), command)
        assert "--devices 128" in page.text()
        until(lambda: "devices=128" in page.value("location.search"), "the scenario in the address")
        assert "set=costs.pue" in page.value("location.search")


def test_another_scenario_of_compare_opens_as_an_estimate(app, page):
    page.open(f"{app}compare?devices_B=16&set_B=parallelism.tp%3D2", 1440)
    follow(page, "Open B")
    until(lambda: "Training llama-3.1-8b on 16 × h200-sxm takes" in page.text(), "the estimate of B")
    until(lambda: "--set parallelism.tp=2" in page.text(), "its command")
