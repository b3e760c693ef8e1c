"""The app in a real browser, over Chromium's own protocol: what AppTest cannot see (the address bar, the width)."""

import base64
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
def started(*command):
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=quiet, stderr=quiet, start_new_session=True)
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

    def screenshot(self, path, height):
        width = self.value("window.innerWidth")
        self.do(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        until(lambda: self.value("document.querySelectorAll('.js-plotly-plot .main-svg').length") > 0, "a chart")
        path.write_bytes(base64.b64decode(self.do("Page.captureScreenshot")["data"]))


@pytest.fixture(scope="module")
def app():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with started(sys.executable, "-m", "costmodel", "app", "--headless", f"--port={port}"):
        until(lambda: answers(f"http://127.0.0.1:{port}/_stcore/health"), "the app")
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def page(tmp_path):
    from websockets.sync.client import connect

    quiet = "--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update"
    home = tmp_path / "browser"
    flags = ["--headless", "--no-sandbox", *quiet.split(), "--disable-sync", "--disable-dev-shm-usage"]
    with started(CHROMIUM, *flags, f"--user-data-dir={home}", "--remote-debugging-port=0", "about:blank"):
        port_file = home / "DevToolsActivePort"
        port = until(lambda: port_file.exists() and port_file.read_text().split(), "the browser")[0]
        tabs = json.loads(until(lambda: answers(f"http://127.0.0.1:{port}/json/list"), "a tab"))
        address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
        with connect(address, max_size=None) as connection:
            yield Page(connection)


def test_a_scenario_in_the_address_is_answered_and_a_change_returns_to_the_address(app, page, tmp_path):
    page.open(f"{app}?devices=128", 1440)
    until(lambda: "Training llama-3.1-8b on 128 × h100-sxm takes" in page.text(), "the answer")
    idle = "!!document.querySelector('[data-test-script-state=notRunning] .js-plotly-plot')"
    until(lambda: page.value(idle), "the finished page")
    # Typed text can be lost while the page still settles; so typing starts when the focus holds.
    field = "document.querySelector('input[aria-label=\"Tokens\"]')"
    until(lambda: page.value(f"{field}.focus(); {field} === document.activeElement"), "the focus")
    page.do("Input.insertText", text="1 T")
    until(lambda: page.value(f"{field}.value") == "1 T", "the typed text")
    page.do("Input.dispatchKeyEvent", type="keyDown", key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r")
    until(lambda: "--set 'workload.tokens=1 T'" in page.text(), "the command of the changed scenario")
    until(lambda: "tokens=1" in page.value("location.search"), "the change in the address")
    assert "devices=128" in page.value("location.search")
    page.screenshot(tmp_path / "estimate.png", 2400)
    assert (tmp_path / "estimate.png").read_bytes().startswith(b"\x89PNG")


def test_a_narrow_screen_shows_everything_without_scrolling_sideways(app, page):
    page.open(f"{app}?workload=serve", 400)
    until(lambda: "Serving llama-3.1-8b on 64 × h100-sxm for 30 days costs" in page.text(), "the answer")
    for part in ("input", "pre", "table", ".js-plotly-plot", "[data-testid=stMetric]"):
        shown = f"[...document.querySelectorAll('{part}')]"
        until(lambda shown=shown: page.value(f"{shown}.length"), part)
        beyond = page.value(f"{shown}.filter(e => e.getBoundingClientRect().right > window.innerWidth + 1).length")
        assert beyond == 0, part


@pytest.mark.parametrize("hostile", ["devices=-5", "devices=%00", "model=../../etc/passwd", "workload=<script>"])
def test_a_bad_address_falls_back_to_the_default(app, page, hostile):
    page.open(f"{app}?{hostile}", 800)
    until(lambda: "Training llama-3.1-8b on 64 × h100-sxm takes" in page.text(), "the default answer")
