"""The catalog: lint of the tables, and what prices, grids, models and the rest answer."""

import re
import subprocess
import sys
from datetime import date

import pytest

from costmodel import formula
from costmodel.catalog import (
    CatalogError,
    bibliography,
    economics,
    embodied,
    formats,
    grids,
    hardware,
    models,
    prices,
    pue,
    rows,
)
from costmodel.catalog.table import key, names
from costmodel.model import usable

TABLES = {  # table: column that names a row (None where several rows answer one question)
    "hardware": "id",
    "nodes": "id",
    "models": "id",
    "prices": None,
    "grids": None,
    "pue": "name",
    "embodied": "item",
    "economics": "key",
    "formats": "id",
}
DEVICES = [hardware.device(row["id"]) for row in rows("hardware")]
HOUR = 3600


def per_kwh(value: float) -> float:
    return value * 3.6e6


# --- lint of all tables


@pytest.mark.parametrize("table", TABLES)
def test_every_row_has_a_source_and_a_name_of_its_own(table):
    assert all(row["source"].strip() for row in rows(table))
    if named := TABLES[table]:
        ids = [row[named] for row in rows(table)]
        assert len(set(ids)) == len(ids)
        assert [i for i in ids if not re.fullmatch(r"[a-z0-9]+(?:[-.:_][a-z0-9]+)*", i)] == []


@pytest.mark.parametrize("table", ["hardware", "nodes", "models", "bibliography"])
def test_ids_are_lower_case_with_dashes(table):
    assert [row["id"] for row in rows(table) if not re.fullmatch(r"[a-z0-9]+(?:[-.][a-z0-9]+)*", row["id"])] == []


def test_an_unknown_table_is_refused():
    with pytest.raises(CatalogError, match="did you mean 'hardware'"):
        rows("hardwares")


def test_the_catalog_needs_only_the_standard_library():
    modules = ", ".join(f"costmodel.catalog.{name}" for name in ("hardware", "prices", "models", "embodied"))
    heavy = "{'numpy', 'pydantic', 'pandas', 'sympy', 'yaml', 'click'}"
    code = f"import sys, {modules}; costmodel.catalog.hardware.device('t4'); print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("name", ["", " ", "h1000", "../../etc/passwd", "x" * 100_000, "h100\nsxm5x", None, 7, "Ω"])
@pytest.mark.parametrize("find", [hardware.device, models.model, grids.intensity, pue.pue, formats.number_format])
def test_unknown_names_are_one_short_line(find, name):
    with pytest.raises(CatalogError) as caught:
        find(name)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


def test_the_example_in_place_of_an_unknown_model_can_be_estimated():
    with pytest.raises(CatalogError, match="for example") as caught:
        models.model("zzzzzzzz")
    assert usable(str(caught.value).split("'")[-2])


# --- prices


def test_prices_are_of_known_devices_and_plausible():
    bands = {"rental": (0.02, 25), "purchase": (400, 60_000), "storage": (5e-4, 0.2), "egress": (0.05, 0.2)}
    units = {"rental": "USD/h", "purchase": "USD", "storage": "USD/GB/month", "egress": "USD/GB"}
    known = {d.id for d in DEVICES} | {name for row in rows("hardware") for name in names(row["ambiguous_names"])}
    for row in rows("prices"):
        low, high = bands[row["kind"]]
        assert low <= float(row["price"]) <= high, row
        assert row["unit"] == units[row["kind"]]
        if row["kind"] in ("rental", "purchase"):
            assert row["item"] in known
        if row["kind"] == "rental":
            assert row["pricing"] in prices.PRICING


def test_dates_parse():
    for row in (*rows("prices"), *rows("economics")):
        for part in filter(None, row["date"].split("/")):  # "2025/2026" is an interval
            year, month, day = (*part.split("-"), "1", "1")[:3]
            assert date(2010, 1, 1) <= date(int(year), int(month), int(day)) <= date(2026, 12, 31)


@pytest.mark.parametrize("device", DEVICES, ids=lambda d: d.id)
def test_a_price_lies_in_its_range(device):
    for price in (prices.rental(device.id), prices.purchase(device.id)):
        assert price is None or 0 < price.low <= price.value <= price.high


def test_rental_is_the_lower_median_of_the_new_rows():
    # on demand since 2025: 4.705, 4.89, 5.5, [6.69], 6.89, 6.99, 14; positions at 10% and 90% of six steps are the ends
    price = prices.rental("b200-sxm")
    assert price is not None
    assert (price.rows, price.provider) == (7, "Lambda")
    assert [x * HOUR for x in (price.low, price.value, price.high)] == pytest.approx([4.705, 6.69, 14.0])


def test_few_rows_take_the_typical_range():
    price = prices.rental("gb200")
    assert price is not None
    assert price.rows == 1
    assert price.high / price.value == pytest.approx(economics.value("price_spread_few_rows").high)


def test_a_card_without_rows_takes_those_that_fit_it():
    price = prices.rental("a100-pcie-40gb")  # rows say "a100-pcie" only
    assert price is not None
    assert 1.0 < price.value * HOUR < 2.0


def test_purchase_says_whether_the_server_is_in_it():
    alone, system = prices.purchase("h100-sxm"), prices.purchase("b200-sxm")
    assert alone is not None
    assert system is not None
    assert (alone.value, alone.pricing) == (31_250, "purchase")
    assert (system.value, system.pricing) == (47_409, "purchase-system")


def test_no_price_is_none_and_a_wrong_question_an_error():
    assert prices.rental("m2-max") is None
    assert prices.purchase("gaudi3") is None
    with pytest.raises(CatalogError, match="known are on-demand, spot"):
        prices.rental("h100-sxm", "weekly")
    with pytest.raises(CatalogError, match="fits several"):
        prices.rental("h100")


def test_storage_and_electricity():
    month = 365.25 * 86400 / 12
    assert prices.storage().value * 1e9 * month == pytest.approx(0.020)  # 0.018, [0.020], 0.023, 0.0255
    assert prices.storage("archive").value < prices.storage("cold").value < prices.storage("object").value
    assert per_kwh(prices.electricity().value) == pytest.approx(0.148)
    with pytest.raises(CatalogError, match=r"0\.2 EUR/kWh"):
        prices.electricity("eu")


# --- grids, PUE, embodied carbon


def test_grid_intensities():
    assert per_kwh(grids.intensity("sweden").value) == pytest.approx(0.0407, rel=0.01)
    assert grids.intensity("SWE") == grids.intensity("se")
    assert grids.intensity("us-east4").code == "gcp:us-east4"
    with pytest.raises(CatalogError, match="'azure:east-us' or 'aws:us-east-1'"):
        grids.intensity("virginia")  # not 'IND' or 'ARG', whose letters are as near
    with pytest.raises(CatalogError, match="did you mean 'Ireland'"):
        grids.intensity("irland")
    assert per_kwh(grids.intensity("gcp:europe-north1").value) == pytest.approx(0.03932)  # 2024, not 0.133 of 2020
    world = grids.intensity()
    assert per_kwh(world.value) == pytest.approx(0.480, rel=0.02)  # Ember: 480 g in 2023
    assert grids.intensity("POL").value > world.value > grids.intensity("FRA").value


def test_grid_rows_are_plausible():
    for code in {row["code"] for row in rows("grids")}:
        grid = grids.intensity(code)
        assert 0 <= grid.low <= grid.value <= grid.high
        assert 0 < per_kwh(grid.value) < 1.4
        assert grid.basis == "generation mix" or len(code) != 3 or code == "EEE"  # one basis for countries


def test_pue():
    assert pue.pue().name == "industry"
    assert pue.pue("hyperscale").value < pue.pue().value
    for row in rows("pue"):
        assert 1 < float(row["low"]) <= float(row["pue"]) <= float(row["high"]) < 2


def test_embodied_carbon():
    h100 = embodied.embodied("h100-sxm")
    assert (h100.low, h100.high) == (164, 463)
    assert embodied.embodied("mi300x").item == "class:above-450-w"
    assert embodied.embodied("epyc-9654").item == "class:cpu"
    assert all(0 < e.low <= e.value <= e.high for e in (embodied.embodied(d.id) for d in DEVICES))
    assert embodied.host_share(8).value == 2500 / 8
    assert embodied.host_share(1).value == 1000


# --- economics


def test_economic_figures_lie_in_their_ranges():
    for row in rows("economics"):
        figure = economics.value(row["key"])
        assert figure.low <= figure.mid <= figure.high, figure


def test_failure_rate_is_that_of_llama_3():
    assert economics.value("failures:per_device_hour").mid == pytest.approx(419 / (54 * 24 * 16_384), rel=0.01)


def test_staff_presets():
    team = economics.staff_preset("industry")
    year = 365.25 * 86400
    assert team.rate * year == pytest.approx(231_230 * 1.42)  # pay times what an employer pays per dollar of wage
    assert team.working_share == pytest.approx(2080 / 8766)
    academic, frontier = economics.staff_preset("academic"), economics.staff_preset("frontier")
    assert academic.rate < team.rate < frontier.rate
    assert academic.heads < team.heads < frontier.heads
    with pytest.raises(CatalogError, match="known are academic, industry, frontier"):
        economics.staff_preset("startup")


# --- models and bibliography


def test_a_model_by_any_of_its_names():
    llama = models.model("llama-3.1-8b")
    shape = (llama.layers, llama.hidden, llama.heads, llama.kv_heads, llama.head_dim, llama.ffn, llama.vocab)
    assert shape == (32, 4096, 32, 8, 128, 14336, 128256)  # config.json of Meta-Llama-3.1-8B
    assert models.model("meta-llama/Llama-3.1-8B-Instruct") == llama
    assert models.model("resnet50").kind == "cnn"
    assert models.model("deepseek-v3").rest["experts"] == "256"
    with pytest.raises(CatalogError, match=r"did you mean 'llama-3\.1-8b'"):
        models.model("lama-3.1-8b")


def test_model_names_mean_one_model():
    for row in rows("models"):
        for name in (row["id"], row["hf_id"], *names(row["aliases"])):
            assert not name or models.model(name).id == row["id"], name


def test_vocabulary_is_the_padded_one():
    assert models.model("pythia-6.9b").vocab == 50432  # rows of its embedding; the tokenizer has 50,254
    assert models.model("gpt2").vocab == 50257


def test_dense_decoders_say_what_their_architecture_needs():
    rest = {"params_published", "hf_id", "weights_dtype", "position_rows", "notes", "rest"}
    decoders = models.dense_decoders()
    assert len(decoders) > 80
    for row in decoders:
        blank = [f for f in row.__slots__ if f not in rest and getattr(row, f) in (None, "")]
        assert blank == [], row.id
        assert row.heads % row.kv_heads == 0
        assert 0.6 < row.heads * row.head_dim / row.hidden <= 2.1  # PaLM two thirds, Qwen3-0.6B and LaMDA twice


def test_bibliography():
    assert bibliography.entry("narayanan-2021").where == "arXiv:2104.04473"
    assert bibliography.entry("document-3").title
    ids = [row["id"] for row in rows("bibliography")]
    assert ids == sorted(set(ids))
    assert all(row["title"] and row["where"] for row in rows("bibliography"))


def test_every_formula_cites_an_entry():
    cited = {name: f.source for name, f in formula.load_all().items()}
    known = {key(row["id"]) for row in rows("bibliography")}
    assert {name: source for name, source in cited.items() if source not in known} == {}
