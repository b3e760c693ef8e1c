"""The pages Compare, Explore and Sensitivity without a browser, and how a scenario goes from page to page."""

import json
import shlex
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml
from visiting import cells, drawn, opened, shown

from costmodel import loading, tornado
from costmodel.api import estimate
from costmodel.app import asking, parts
from costmodel.cli.main import run
from costmodel.plan.pareto import front
from costmodel.report import axes, compare, explore, text
from costmodel.report import sensitivity as swings
from costmodel.report.quantities import scale
from costmodel.sweeping import sweep

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")

DEFAULT = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "workload": "train"}
H200 = DEFAULT | {"hardware": "h200-sxm"}
PAGES = ("estimate", "compare", "explore", "sensitivity")


def command(app, name):
    return next(block.value for block in app.code if block.value.startswith(f"costmodel {name}"))


# Compare.


def test_two_scenarios_stand_side_by_side_as_the_library_compares_them(capsys, tmp_path, monkeypatch):
    app, answers = opened("compare"), {"A": estimate(DEFAULT), "B": estimate(H200)}
    assert shown(app) == f"**{compare.sentence(answers)}**"
    assert cells(app.dataframe[0]) == compare.rows(answers, differences=True)
    ranged, by_part = drawn(app)
    assert ranged[1]["x"] == pytest.approx([answer.totals["cost_usd"] / 1e3 for answer in answers.values()])  # k USD
    difference = answers["B"].totals["cost_usd"] - answers["A"].totals["cost_usd"]
    assert sum(by_part[0]["x"][:-1]) == pytest.approx(difference)
    assert "There is one change: `hardware=h200-sxm`." in shown(app, "markdown")
    (tmp_path / "scenario.yaml").write_text(loading.to_yaml(answers["A"].resolved.scenario), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert run([*shlex.split(command(app, "compare"))[1:], "-o", "json"]) == 0
    typed = list(json.loads(capsys.readouterr().out).values())
    assert [a["totals"]["cost_usd"] for a in typed] == [a.totals["cost_usd"] for a in answers.values()]


def test_up_to_five_scenarios_each_with_its_own_changes():
    query = {"scenarios": "5", "devices_B": "128", "model_C": "llama-3.2-1b", "precision_D": "fp8"}
    app = opened("compare", **query, set_E=["parallelism.tp=4", "costs.pue=1.1"])
    changes = [{}, {"hardware": "h200-sxm", "devices": 128}, {"model": "llama-3.2-1b"}, {"precision": "fp8"}]
    changes.append({"parallelism": {"tp": 4}, "costs": {"pue": 1.1}})
    answers = {name: estimate(DEFAULT | change) for name, change in zip("ABCDE", changes, strict=True)}
    assert shown(app) == f"**{compare.sentence(answers)}**"
    assert cells(app.dataframe[0]) == compare.rows(answers, differences=True)
    difference = answers["B"].totals["cost_usd"] - answers["A"].totals["cost_usd"]
    assert drawn(app)[2][0]["x"][-1] == pytest.approx(difference)  # by change: hardware, and devices
    designs = ["**A** Training llama-3.1-8b on 64 × h100-sxm", "**B** hardware=h200-sxm, devices=128"]
    designs += ["**C** model=llama-3.2-1b", "**D** precision=fp8", "**E** parallelism.tp=4, costs.pue=1.1"]
    assert "; ".join(designs) in shown(app, "caption")


def test_what_does_not_fit_and_what_is_wrong_is_named():
    app = opened("compare", model="llama-3.1-70b", devices="1", devices_B="64")
    assert "A does not fit" in shown(app)
    app = opened("compare", devices_B="-1")
    assert shown(app).startswith("B: devices=-1: must be at least 1")
    assert not app.dataframe


# Explore.


def test_a_line_is_the_sweep_with_its_ranges(capsys):
    app, found = opened("explore", x_values="8, 64, 512"), sweep(DEFAULT, {"devices": [8, 64, 512]}, ranges=True)
    assert shown(app) == f"**{explore.sentence(found, ['devices'], 'totals.cost_usd')}**"
    low, high, line = drawn(app)[0]
    for drawing, end in ((line, ""), (low, ".p10"), (high, ".p90")):
        assert drawing["y"] == pytest.approx((found[f"totals.cost_usd{end}"] / 1e3).tolist())  # k USD
    assert run([*shlex.split(command(app, "sweep"))[1:], "-o", "json"]) == 0
    assert found["totals.cost_usd"].tolist() == json.loads(capsys.readouterr().out)["totals.cost_usd"]


def test_the_rank_of_adapters_is_an_axis_of_a_fine_tune_of_a_decoder_alone():
    app = opened("explore", workload="finetune", x="workload.adapters.rank", x_values="8, 64")
    found = sweep(DEFAULT | {"workload": "finetune"}, {"workload.adapters.rank": [8, 64]})
    assert drawn(app)[0][2]["y"] == pytest.approx(found["totals.cost_usd"].tolist())
    whisper = estimate(DEFAULT | {"model": "whisper-large-v3", "workload": "finetune"})
    assert axes.RANK not in axes.axes(whisper)


def test_a_heat_map_marks_what_is_not_feasible_with_its_limit():
    app = opened("explore", model="llama-3.1-70b", x_values="2, 64", y="precision.compute", y_values_named=["bf16"])
    heat, places = drawn(app)[0]
    assert heat["z"][0][0] is None
    assert heat["z"][0][1] > 0
    assert places["text"][0] == "✕<br>memory"
    assert "memory: " in places["hovertext"][0]
    assert "1 of 2 points is not feasible: memory (1)" in shown(app)
    assert "memory: " in cells(app.dataframe[0])[0][-1]


def test_a_large_heat_map_still_crosses_out_what_is_not_feasible():
    counts = ", ".join(map(str, range(8, 80, 8)))
    app = opened("explore", x_values=counts, y="parallelism.tp", y_values="1, 2, 3, 4, 5, 6, 8", workload="serve")
    places, table = drawn(app)[0][1], cells(app.dataframe[0])
    assert len(places["text"]) == len(table) == 63
    assert set(places["text"]) == {"", "✕"}
    assert [text == "✕" for text in places["text"]] == [row[-1] != "" for row in table]


def test_the_compromise_joins_what_is_not_beaten():
    app = opened("explore", form="compromise", x="hardware", x_values_named=["l40s", "h100-sxm", "b200-sxm"])
    found = sweep(DEFAULT, {"hardware": ["l40s", "h100-sxm", "b200-sxm"]})
    rest, best = drawn(app)[0]
    assert best["customdata"] == front(found["totals.time_s"], found["totals.cost_usd"]).tolist() == [2]
    assert sorted(rest["customdata"]) == [0, 1]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"x_values": "many"}, "axis devices"),
        ({"x_values": "-3, 8"}, "axis devices"),
        ({"x_values": "1e999"}, "axis devices"),
        ({"x_values": "," * 200}, "no axis"),
        ({"x_values": "<script>alert(1)</script>"}, "axis devices"),
        (
            {"x_values": ",".join(map(str, range(1, 60))), "y": "parallelism.tp", "y_values": "1,2,4,8,16,32,64,128"},
            "472",
        ),
        ({"x": "workload.tokens", "x_values": "9" * 299}, "workload.tokens"),
    ],
)
def test_values_that_no_axis_takes_are_named(query, said):
    app = opened("explore", **query)
    assert said in app.error[0].value.replace("\\", "")
    assert len(shown(app)) < 700
    assert not app.get("plotly_chart")


def test_where_nothing_is_feasible_it_says_why():
    app = opened("explore", model="llama-3.1-405b", x_values="1, 2")
    assert shown(app).startswith("**None of 2 points is feasible: memory (2).**")
    assert "GB too little" in cells(app.dataframe[0])[0][-1]


# Sensitivity.


@pytest.mark.parametrize(("figure", "name"), [("cost", "cost_usd"), ("time", "time_s"), ("carbon", "carbon_kg")])
def test_the_tornado_is_the_librarys(capsys, figure, name):
    app, found = opened("sensitivity", figure=figure), tornado.sensitivity(DEFAULT, name)
    answer = estimate(DEFAULT)
    assert shown(app) == f"**{swings.sentence(found, answer, name)}**"
    moving = swings.moving(found)
    assert [row[:-1] for row in cells(app.dataframe[0])] == swings.cells(moving, name)
    low, high = drawn(app)[0]
    value = answer.totals[name]
    size, _ = scale(value, text.UNITS[name])
    assert low["base"] == high["base"] == value / size
    ends = [(swing.at_high - value) / size for swing in moving[: swings.ROWS]]
    assert high["x"] == pytest.approx(ends)
    assert run(shlex.split(command(app, "sensitivity"))[1:]) == 0
    assert capsys.readouterr().out.startswith(swings.sentence(found, answer, name))


def test_one_assumption_is_moved_and_its_effect_seen():
    app = opened("sensitivity", moved="costs.price", **{"value_costs.price": "5 USD/h"})
    moved = estimate(DEFAULT | {"costs": {"price": "5 USD/h"}})
    assert cells(app.dataframe[1])[1][2] == compare.rows({"a": estimate(DEFAULT), "b": moved}, differences=True)[1][2]
    app.text_input(key="value_costs.price").set_value("five").run()
    assert "costs.price" in shown(app)
    assert len(app.dataframe) == 1


# From page to page, and from files.


@pytest.mark.parametrize("page", PAGES)
def test_anything_else_in_a_scenario_is_said_as_on_the_command_line(page):
    app = opened(page, set=["costs.grid=SWE", "parallelism.tp=2"])
    assert not app.error
    answer = estimate(DEFAULT | {"costs": {"grid": "SWE"}, "parallelism": {"tp": 2}})
    if page == "estimate":
        assert text.sentence(answer) in shown(app)
    if page != "compare":
        assert "--set costs.grid=SWE --set parallelism.tp=2" in "".join(block.value for block in app.code)


def test_a_scenario_goes_along_from_page_to_page():
    app = opened(devices="256", set=["costs.pue=1.3"])
    for page in (*PAGES[1:], "estimate"):
        app.query_params.clear()
        app.switch_page(f"pages/{page}.py").run()
        assert not app.exception
        assert app.text_input(key="devices").value == "256"
        assert app.multiselect(key="set").value == ["costs.pue=1.3"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"workload": {"kind": "serve", "input_tokens": 2000}, "precision": "fp8"},
        {"costs": {"price": "2 USD/h", "staff": {"people": 2, "rate": "100000 USD/year"}}, "compression": "int4"},
        {"workload": {"kind": "finetune", "adapters": {"rank": 8}}, "parallelism": {"tp": 2, "recompute": "full"}},
        {"model": {"family": "llama", "parameters": "3 B"}, "precision": {"compute": "fp8", "weights": "bf16"}},
    ],
)
def test_a_whole_scenario_in_the_address_fills_the_inputs(changes):
    asked = {**DEFAULT, **changes}
    if "compression" in asked:
        asked["workload"] = "serve"
    app = opened(scenario=loading.to_yaml(loading.load(asked)))
    assert not app.error
    assert text.sentence(estimate(asked)) in shown(app)


LLAMA = {
    "model_type": "llama",
    "num_hidden_layers": 16,
    "hidden_size": 2048,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 8192,
    "vocab_size": 128256,
    "max_position_embeddings": 8192,
    "_name_or_path": "mine",
}


def uploaded(name, data):
    app = opened()
    app.file_uploader(key=asking.FILE).set_value((name, data, "text/plain")).run()
    assert not app.exception
    return app


def test_a_scenario_file_fills_the_inputs():
    asked = DEFAULT | {"devices": 8, "costs": {"grid": "SWE"}, "workload": {"kind": "serve", "output_tokens": 512}}
    assert text.sentence(estimate(asked)) in shown(uploaded("s.yaml", loading.to_yaml(asked).encode()))


def test_all_of_a_file_is_in_the_address_also_what_the_page_did_not_ask_before():
    asked = DEFAULT | {"workload": {"kind": "serve", "output_tokens": 512, "period": "5 days"}, "costs": {"pue": 1.3}}
    app = uploaded("s.yaml", loading.to_yaml(asked).encode())
    assert app.query_params["output_tokens"] in ("512", ["512"])
    assert app.query_params["period"] in ("5 days", ["5 days"])


@pytest.mark.parametrize("example", asking.examples())
def test_an_example_fills_the_inputs(example):
    app = opened()
    app.selectbox(key=asking.EXAMPLE).select(example).run()
    assert not app.exception
    assert text.sentence(estimate(yaml.safe_load(asking.examples()[example]))) in shown(app)


def test_a_models_configuration_becomes_its_shape():
    app = uploaded("config.json", json.dumps(LLAMA).encode())
    assert "Training mine on 64 × h100-sxm takes" in shown(app)
    assert "--set 'model={" in app.code[0].value


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("s.yaml", b"", "nothing is written here"),
        ("s.yaml", b"\xff\xfe\x00", "not UTF-8"),
        (
            "s.yaml",
            b"model: ../../x.json\nhardware: h100-sxm\ndevices: 1\nworkload: train\n",
            "files are not read here",
        ),
        ("s.yaml", b"!!python/object/apply:os.system ['true']", "s.yaml"),
        ("c.json", b"[" * 100_000, "c.json"),
        ("c.json", b'{"model_type": "no-such"}', "no-such"),
        ("c.json", b'{"model_type": "llama", "hidden_size": "x"}', "c.json"),
        ("c.json", b'{"model_type": "llama", "num_hidden_layers": 1e999}', "c.json"),
        ("s.yaml", b"#" * 1_500_000, "larger than 1 MB"),
    ],
    ids=str,
)
def test_a_file_that_is_no_scenario_is_refused_in_plain_words(name, data, said):
    app = uploaded(name, data)
    assert said in app.error[0].value.replace("\\", "")
    assert len(app.error[0].value) < 700
    assert text.sentence(estimate(DEFAULT)) in shown(app)


# Hostile addresses, and many visitors.

SCRIPT = "<script>alert(1)</script>"


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    "query",
    [
        {"set": ["model=/etc/passwd"]},
        {"set": ["model=../../config.json"]},
        {"set": ["profile=/etc/passwd"]},
        {"set": ["profile=../../x.json"]},
        {"set": ["hardware=/etc/passwd"]},
        {"set": [SCRIPT]},
        {"set": ["devices"]},
        {"set": ["a." * 200 + "b=1"]},
        {"set": ["costs.pue=" + "9" * 500_000]},
        {"set": ["x" * 500_000 + "=1"]},
        {"scenario": "model: /etc/passwd.json"},
        {"scenario": SCRIPT},
        {"scenario": "[" * 5_000},
    ],
    ids=lambda query: str(query)[:30],
)
def test_a_hostile_address_is_told_in_a_few_plain_words(page, query):
    app = opened(page, **query)
    assert app.error
    assert len(shown(app)) < 1500
    assert "root:" not in shown(app, "markdown")


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("compare", {"scenarios": "99"}),
        ("compare", {"hardware_B": SCRIPT}),
        ("compare", {"total": "x", "against": "Z"}),
        ("explore", {"x": SCRIPT}),
        ("explore", {"y": "devices"}),
        ("explore", {"form": "pie", "figure": "x"}),
        ("explore", {"x": "model", "x_values_named": ["/etc/passwd", "../x.json"]}),
        ("sensitivity", {"figure": SCRIPT}),
        ("sensitivity", {"moved": "/etc/passwd"}),
        ("sensitivity", {"value_costs.prices": "2 USD/h"}),
        ("evidence", {"table": SCRIPT}),
        ("estimate", {"total": "nonsense"}),
        ("estimate", {"explain": "performance.ttft_s", "levels": "99"}),
        ("estimate", {"device": "128"}),
        ("compress", {"methods": [SCRIPT, "int4"]}),
        ("machine", {"workload": SCRIPT, "device": "/etc/passwd"}),
    ],
)
def test_what_an_address_cannot_say_is_told_and_leaves_the_default(page, query):
    app = opened(page, **query)
    assert app.success
    assert not app.error
    for name, values in query.items():
        value = values[0] if isinstance(values, list) else values
        if value not in ("devices", "model"):  # an axis
            assert f"The address says {name} = {value}, which " in shown(app)


def test_visitors_at_once_see_their_own_scenario():
    counts = [8 * n for n in range(1, 51)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: parts._estimate(json.dumps(DEFAULT | {"devices": n})), counts))
    assert [answer.outcome.job.devices for answer in answers] == counts
    visitors = {count: opened(devices=str(count)) for count in counts[::10]}
    for count, app in visitors.items():
        app.run()
        assert f" on {count} × h100-sxm" in shown(app)
