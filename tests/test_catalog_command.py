"""costmodel catalog: what a terminal, a script and a spreadsheet are shown."""

import csv
import json
import os
import re

import pytest

from costmodel.cli.main import run
from costmodel.report.catalog import TABLES, listing


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("hardware", r"device +memory \[GB\] +bandwidth \[GB/s\] +16-bit \[TFLOP/s\] +power \[W\]"),
        ("hardware", r"h100-sxm +80 +3,350 +989 +700"),
        ("hardware cpu-epyc", r"cpu-epyc-2core +25.3"),
        ("models", r"llama-3.1-8b +8.03 B +32 +yes +language-dense"),
        ("grids", r"DEU +381 +330 +381 +2023 +Germany"),
        ("prices", r"h100-sxm +on-demand +2.99 USD/h +2–10 USD/h"),
        ("prices storage", r"object +list +0.02 USD/GB-month"),
        ("profiles", r"h100-sxm +H100 SXM5 80GB: fitted"),
        ("engines", r"cpu-epyc-2core +0.201 +25 +1.41 +0.4 +8,192"),
        ("engines h100-sxm", r"host time per step +3 ms"),
        ("hardware h100-sxm", r"peak bf16 +989.4 TFLOP/s"),
        ("grids virginia", r"aws:us-east-1 +416 .*Northern Virginia, United States"),
        ("grids DE", r"value +380.9 g/kWh"),
    ],
)
def test_lists_and_entries_have_units(words, says, capsys):
    assert run(["catalog", *words.split()]) == 0
    assert re.search(says, capsys.readouterr().out)


@pytest.mark.parametrize("output", ["text", "json", "csv"])
def test_every_price_can_be_opened(output, capsys):
    for item in listing("prices"):
        assert run(["catalog", "prices", item, "-o", output]) == 0, item
    assert capsys.readouterr().err == ""


def test_a_part_of_a_name_narrows(capsys):
    assert run(["catalog", "hardware", "h100", "-o", "json"]) == 0
    found = [each["id"] for each in json.loads(capsys.readouterr().out)]
    assert "h100-sxm" in found
    assert all("h100" in name for name in found)
    assert run(["catalog", "hardware", "no-such-thing"]) == 2
    assert run(["catalog", "prices", "jetson-orin-nano"]) == 2
    assert "no price of jetson-orin-nano-8gb is known" in capsys.readouterr().err


@pytest.mark.parametrize("table", TABLES)
def test_lists_as_csv(table, capsys):
    assert run(["catalog", table, "-o", "csv"]) == 0
    lines = list(csv.reader(capsys.readouterr().out.splitlines()))
    assert len(lines) > 5
    assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize("table", ["hardware", "engines", "profiles"])
def test_a_broken_profile_is_named_and_the_others_are_listed(table, folder, capsys):
    assert run(["catalog", table, "-o", "json"]) == 0
    whole = capsys.readouterr().out
    (folder / "mine.json").write_text("{")
    (folder / "folder.json").mkdir()
    os.mkfifo(folder / "pipe.json")
    assert run(["catalog", table, "-o", "json"]) == 0
    out, err = capsys.readouterr()
    assert out == whole
    assert err.splitlines() == [
        f"costmodel: left out: {folder}/mine.json: is not JSON; make it anew with `costmodel calibrate`"
    ]


@pytest.mark.parametrize("name", ["pipe", "folder"])
def test_what_is_no_file_is_no_profile(name, folder, capsys):
    (folder / "folder.json").mkdir()
    os.mkfifo(folder / "pipe.json")
    for said in (name, str(folder / f"{name}.json")):
        assert run(["estimate", "examples/llama-3.1-8b.yaml", "--set", f"profile={said}"]) == 2
        assert "no profile" in capsys.readouterr().err
    assert run(["catalog", "profiles", name]) == 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("costs.grid=US-VA", r"did you mean '\w+:[\w-]+' or '\w+:[\w-]+' or '\w+:[\w-]+'\?"),
        ("costs.grid=US-TX", "did you mean 'azure:south-central-us'"),
        ("model=8b", "did you mean '[^']*8b'"),
    ],
)
def test_the_nearest_names_are_those_that_were_meant(change, says, capsys):
    assert run(["estimate", "examples/llama-3.1-70b-serve.yaml", "--set", change]) == 2
    error = capsys.readouterr().err
    assert re.search(says, error)
    for name in re.findall(r"'([^']*)'", error.partition("did you mean")[2]):
        assert (
            run(["estimate", "examples/llama-3.1-70b-serve.yaml", "--set", f"{change.partition('=')[0]}={name}"]) == 0
        )
