"""Whatever is thrown at the loader, out comes a scenario or one clear line for each thing that is wrong."""

import math

import pytest
from hostile_inputs import GOOD, HOSTILE
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.loading import load, loads
from costmodel.resolve import resolve
from costmodel.scenario import Scenario
from costmodel.source import ScenarioError

# Where the problem is (counted by hand) and words of the message.
EXPECTED = {
    "empty": ("1:1", "nothing is written"),
    "blank": ("1:1", "nothing is written"),
    "comment only": ("1:1", "nothing is written"),
    "byte order mark only": ("1:1", "nothing is written"),
    "scalar root": ("1:1", "'hello' is no scenario"),
    "number root": ("1:1", "'42' is no scenario"),
    "list root": ("1:1", "a list is no scenario"),
    "null root": ("1:1", "nothing is written"),
    "python code": ("1:1", "is no scenario"),
    "nul byte": ("5:8", "0x00 is not text"),
    "control character": ("5:11", "0x1b is not text"),
    "latin-1": ("5:13", "0xe9 is not UTF-8"),
    "utf-16": ("1:1", "0xff is not UTF-8"),
    "binary": ("1:1", "0x80 is not UTF-8"),
    "too large": ("1:1", "larger than 1 MB"),
    "one long line": ("1:8", "1 to 200 printable"),
    "tab": ("6:1", "not valid YAML"),
    "bad indentation": ("5:5", "not valid YAML"),
    "unclosed bracket": ("6:1", "not valid YAML"),
    "unclosed quote": ("6:1", "not valid YAML"),
    "broken json": ("1:26", "not valid YAML or JSON"),
    "cut json": ("2:13", "not valid YAML or JSON"),
    "two documents": ("5:1", "second document"),
    "tag": ("5:10", "tag"),
    "python tag": ("5:10", "tag"),
    "anchor": ("5:10", "anchors"),
    "alias bomb": ("1:4", "anchors"),
    "merge key": ("5:1", "unknown key '<<'"),
    "deep flow": ("5:40", "nested more than 32"),
    "deep mapping": ("34:34", "nested more than 32"),
    "duplicate key": ("5:1", "given twice"),
    "duplicate json key": ("2:2", "given twice"),
    "list as key": ("5:3", "plain text"),
    "negative": ("3:10", "at least 1, not '-64'"),
    "zero": ("3:10", "at least 1, not '0'"),
    "fraction": ("3:10", "whole number, not '6.5'"),
    "too many": ("3:10", "at most 1e7"),
    "nan": ("3:10", "'.nan' is not a number"),
    "python nan": ("3:10", "'nan' is not a number"),
    "infinity": ("3:10", "'.inf' is not a number"),
    "overflow": ("3:10", "not a finite number"),
    "400 digits": ("3:10", "too long for a number"),
    "boolean": ("3:10", "needs a number"),
    "null": ("3:10", "needs a number"),
    "missing value": ("3:9", "needs a number"),
    "list for a number": ("3:10", "needs a number"),
    "mapping for a number": ("3:10", "needs a number"),
    "date": ("3:10", "not a number"),
    "sexagesimal": ("3:10", "not a number"),
    "hexadecimal": ("3:10", "not a number"),
    "expression": ("3:10", "not a number"),
    "code": ("3:10", "not a number"),
    "unit on a count": ("3:10", "not a number"),
    "bare quantity": ("3:11", "needs a unit; write for example '80 GB'"),
    "unknown unit": ("3:11", "unknown unit 'Gb'"),
    "wrong dimension": ("3:11", "wrong dimension"),
    "negative quantity": ("3:11", "at least 1 MB"),
    "zero quantity": ("3:11", "at least 1 MB"),
    "huge quantity": ("3:11", "at most 1 PB"),
    "quantity nan": ("3:11", "not a quantity"),
    "idle above tdp": ("7:9", "above tdp = 700 W"),
    "empty peak": ("5:9", "at least one entry"),
    "peak of unknown format": ("5:10", "did you mean 'bf16'"),
    "peak is a number": ("5:9", "needs a mapping"),
    "unknown key": ("5:1", "valid keys are model"),
    "key of a section": ("5:1", "write costs: {grid: …}, --set costs.grid=…"),
    "key of a section, dotted": ("5:1", "write costs: {grid: …}, --set costs.grid=…"),
    "near key": ("5:1", "did you mean 'parallelism'"),
    "near nested key": ("5:15", "did you mean 'micro_batch'"),
    "long key": ("5:1", "unknown key"),
    "key with markup": ("5:1", "unknown key"),
    "misspelt required key": ("3:1", "did you mean 'devices'"),
    "missing key": ("1:1", "is missing; add for example 'devices: 64'"),
    "unknown workload": ("4:11", "did you mean 'train'"),
    "workload list": ("4:11", "train, finetune, serve or infer"),
    "workload without kind": ("4:11", "is missing; write train"),
    "workload key of another kind": ("4:25", "unknown key 'tokens'"),
    "format in capitals": ("5:12", "did you mean 'bf16'"),
    "unknown format": ("5:12", "did you mean 'bf16'"),
    "yes for true": ("5:9", "true or false, not 'yes'"),
    "section is text": ("5:8", "needs a mapping; its keys are price"),
    "section is a list": ("5:14", "needs a mapping; its keys are tp"),
    "model is a list": ("1:8", "needs a catalog id"),
    "model name empty": ("1:8", "printable"),
    "model name with newline": ("1:8", "printable"),
    "model file missing": ("1:8", "no such file"),
    "model file of the system": ("1:8", "no such file"),
    "tp does not divide devices": ("5:19", "tp = 7 must divide devices = 64"),
    "layout is not the devices": ("5:19", "tp · pp · dp = 2 · 2 · 2 = 8 must equal devices = 64"),
    "context parallelism": ("5:19", "not modelled yet"),
    "two kinds of traffic": ("5:42", "utilisation and concurrency"),
    "rate without unit": ("5:25", "needs a unit; write for example '5 requests/s'"),
    "utilisation above one": ("5:24", "at most 1, not '1.5'"),
    "traffic for training": ("5:10", "does not apply to workload train"),
    "batch is no multiple": ("4:39", "not a multiple of micro_batch · dp = 4"),
    "pue below one": ("5:14", "at least 1"),
    "rent of own hardware": ("5:16", "pricing = own"),
    "price in euro": ("5:16", "unknown unit 'EUR'"),
}
JARGON = ("Input should", "Value error", "pydantic", "validation error", "Traceback", "discriminator", "type=")


def check(error: ScenarioError) -> None:
    """Every problem is one short line, for people, that a terminal can show."""
    lines = str(error).splitlines()
    assert len(lines) == len(error.problems) >= 1
    for line in lines:
        assert len(line) < 1000
        assert line.isprintable()
        assert not any(word in line for word in JARGON), line


def test_each_hostile_input_has_an_expectation():
    assert EXPECTED.keys() == HOSTILE.keys()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file(name, tmp_path):
    position, words = EXPECTED[name]
    path = tmp_path / "a.yaml"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(ScenarioError) as caught:
        load(path)
    check(caught.value)
    (line,) = str(caught.value).splitlines()
    where = "" if name == "too large" else f":{position}"  # refused by its size, unread
    assert line.startswith(f"{path}{where}: ")
    assert words in line
    assert ";" in line or "?" in line or "such as" in line or "needs" in line  # what to write instead


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text(name):
    with pytest.raises(ScenarioError) as caught:
        loads(HOSTILE[name], file="upload", allow_files=False)
    check(caught.value)
    assert str(caught.value).startswith(f"upload:{EXPECTED[name][0]}: ")


def test_all_problems_at_once():
    text = (
        "model: {layers: 0, hiden: 1, heads: 1, ffn: 1, vocab: 1}\nhardware: b\ndevices: x\ncosts: {pue: 0, grid: 4}\n"
    )
    with pytest.raises(ScenarioError) as caught:
        loads(text)
    found = [(p.line, p.column, p.path) for p in caught.value.problems]
    assert found == [
        (1, 1, "workload"),
        (1, 17, "model.layers"),
        (1, 20, "model.hiden"),
        (3, 10, "devices"),
        (4, 14, "costs.pue"),
        (4, 23, "costs.grid"),
    ]


def test_a_flood_of_problems_is_cut():
    text = GOOD + b"".join(b"k%d: 1\n" % i for i in range(50_000))
    with pytest.raises(ScenarioError) as caught:
        loads(text)
    check(caught.value)
    assert "more problems" in str(caught.value)


@pytest.mark.parametrize(
    "path", ["", "no such file", "a\0b", "x" * 5000, "/", "no/such/dir/a.yaml"], ids=lambda path: ascii(path[:9])
)
def test_paths_that_are_no_files(path):
    with pytest.raises(ScenarioError) as caught:
        load(path)
    check(caught.value)


def test_a_large_file_is_refused_unread(tmp_path):
    path = tmp_path / "large.yaml"
    with path.open("wb") as stream:
        stream.truncate(100_000_000)
    with pytest.raises(ScenarioError, match="larger than 1 MB"):
        load(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no override; write path=value"),
        ("devices", "is no override; write path=value"),
        ("=5", "is no override"),
        ("a..b=5", "is no override"),
        (".".join("a" * 99) + "=1", "is no override"),
        ("devices=", "needs a number"),
        ("devices=x", "devices=x: 'x' is not a number"),
        ("devices=!!int 5", "tag"),
        ("devices=&a 5", "anchors"),
        ("devices=[", "not valid YAML"),
        ("devices={a: 5}", "needs a number"),
        ("device=5", "did you mean 'devices'"),
        ("model.layers=5", "model is 'llama-3.1-8b' and has no parts"),
        ("workload.tokens=-1", "at least 1"),
        ("workload.kind.a=1", "kind is 'train' and has no parts"),
        ("costs={pue: 1, pue: 2}", "given twice"),
        ("costs.price=2.5", "needs a unit"),
        ("traffic.utilisation=0.5", "traffic.utilisation=0.5: traffic: traffic does not apply to workload train"),
        ("workload.adapters.rank=16", "workload.adapters.rank=16: workload.adapters: adapters need a model"),
        ("devices=5\n\x1b[31m", "not text"),
        ("devices=" + "9" * 2_000_000, "larger than 1 MB"),
    ],
    ids=lambda text: ascii(text[:20]),
)
def test_hostile_override(text, words):
    with pytest.raises(ScenarioError) as caught:
        loads(GOOD, [text])
    check(caught.value)
    assert len(caught.value.problems) == 1
    assert words in str(caught.value)


MAPPING = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "workload": "train"}


@pytest.mark.parametrize(
    "value",
    [
        True,
        None,
        math.nan,
        math.inf,
        -1,
        0,
        0.5,
        10**400,
        -(10**5000),
        b"64",
        "６４ GB",
        [64],
        {},
        object(),
        1j,
        "64\n\n\ud800",
    ],
    ids=lambda value: type(value).__name__,
)
def test_hostile_python_values(value):
    with pytest.raises(ScenarioError) as caught:
        load(MAPPING | {"devices": value})
    check(caught.value)
    assert [p.path for p in caught.value.problems] == ["devices"]


def test_a_mapping_that_holds_itself():
    costs: dict[str, object] = {"pue": 1.2}
    costs["costs"] = costs
    with pytest.raises(ScenarioError, match="nested more than 32"):
        load(MAPPING | {"costs": costs})


KEYS = st.sampled_from(
    [
        *Scenario.model_fields,
        "kind",
        "layers",
        "heads",
        "peak",
        "bf16",
        "tp",
        "pp",
        "grid",
        "staff",
        "people",
        "text",
        "[key]",
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=4),
    st.sampled_from(
        ["train", "serve", "80 GB", "1e12", "2 T", "bf16", "academic", "x.json", "5 requests/s", "1 USD/h"]
    ),
)
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=8), inner, max_size=5)
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(KEYS, TREES, max_size=6), st.booleans())
def test_any_structure_gives_a_scenario_or_clear_lines(tree, whole):
    try:
        assert isinstance(load((MAPPING if whole else {}) | tree, allow_files=False), Scenario)
    except ScenarioError as error:
        check(error)


LINES = st.sampled_from(
    [
        "model: a",
        "hardware: b",
        "devices: 8",
        "workload: train",
        "costs:",
        "  pue: 2",
        "- a",
        "? b",
        "{",
        "]",
        "'",
        "&a *a",
        "\t",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(LINES | st.text(max_size=12), max_size=9).map("\n".join) | st.binary(max_size=60), st.text(max_size=20))
def test_any_text_gives_a_scenario_or_clear_lines(text, override):
    try:
        assert isinstance(loads(text, [override], allow_files=False), Scenario)
    except ScenarioError as error:
        check(error)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=6), st.integers(0, len(GOOD)))
def test_bytes_thrown_into_a_good_file(noise, place):
    try:
        assert isinstance(loads(GOOD[:place] + noise + GOOD[place:], allow_files=False), Scenario)
    except ScenarioError as error:
        check(error)


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        (b"llama-3.1-8b", b"lama", "1:8: model: unknown model 'lama'"),
        (b"h100-sxm", b"h100-smx", "2:11: hardware: unknown hardware 'h100-smx'"),
        (b"h100-sxm", b"h100", "2:11: hardware: 'h100' fits several products"),
    ],
)
def test_names_that_nothing_has_are_wrong_at_their_place(before, after, place):
    assert before in GOOD
    with pytest.raises(ScenarioError) as caught:
        resolve(loads(GOOD.replace(before, after), file="a.yaml"))
    assert place.partition(": ")[2] in str(caught.value)
    assert f"a.yaml:{place.partition(': ')[0]}" in str(caught.value)
