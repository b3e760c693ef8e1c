"""What one takes away: the page, the paragraph with its bibliography, the notebook's card and table."""

import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest
import yaml

from costmodel.api import estimate
from costmodel.catalog import rows
from costmodel.cli.main import run
from costmodel.loading import to_yaml
from costmodel.report import paper
from costmodel.report.command import command_line
from costmodel.report.text import sentence
from costmodel.scenario import schema

EXAMPLES = ["gpt-3", "llama-3.1-70b-int4", "llama-3.1-70b-serve", "llama-3.1-8b", "llama-3.1-8b-distilled"]
VOID = {"meta", "br", "wbr", "mspace"}
HOSTILE = "<script>alert(1)</script>&\"'"


@pytest.fixture(scope="module", params=EXAMPLES)
def answer(request):
    return estimate(f"examples/{request.param}.yaml")


@pytest.fixture(scope="module")
def too_large():
    return estimate("examples/llama-3.1-8b.yaml", ["devices=1"])


class Reader(HTMLParser):
    """Elements opened and closed in order, their attributes, and the text of the page."""

    def __init__(self, page):
        super().__init__()
        self.open, self.found, self.text = [], [], ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def values(self, name):
        return [attributes[name] for _, attributes in self.found if name in attributes]


def test_page_is_whole_and_loads_nothing(answer):
    page = answer.to_html()
    read = Reader(page)
    assert not read.open
    tags = {tag for tag, _ in read.found}
    assert not tags & {"script", "link", "img", "iframe", "object"}
    assert "@import" not in page
    assert "url(" not in page
    assert sentence(answer) in read.text
    for assumption in answer.assumptions:
        assert assumption.path in read.text
        assert assumption.source in read.text
    targets = {link for link in read.values("href") if not link.startswith("https://")}
    assert {link.removeprefix("#") for link in targets} <= set(read.values("id"))
    assert yaml.safe_load(to_yaml(answer.resolved.scenario))["model"] in read.text


def test_bars_add_up(answer):
    widths = re.findall(r"calc\(100%\*([\d.e+-]+)/([\d.e+-]+)\)", answer.to_html())
    cost = answer.totals["cost_usd"]
    parts = [float(part) for part, whole in widths if float(whole) == cost]
    assert sum(parts) == pytest.approx(2 * cost)  # the parts, and the total itself


def test_page_of_what_does_not_fit(too_large):
    read = Reader(too_large.to_html())
    assert not read.open
    assert "does not fit" in read.text
    assert "use 2 devices" in read.text
    assert "Working" not in read.text


def test_nothing_said_becomes_markup(answer):
    bad = replace(answer, resolved=replace(answer.resolved, model=HOSTILE), warnings=(HOSTILE,))
    for page in (bad.to_html(), bad._repr_html_()):
        assert "<script" not in page
        assert Reader(page).text.count(HOSTILE) >= 2


def test_card(answer):
    read = Reader(answer._repr_html_())
    assert not read.open
    assert sentence(answer) in read.text
    assert all(
        part in read.text for part in answer.outcome.breakdown["cost_usd"] if answer.outcome.breakdown["cost_usd"][part]
    )


def test_table(answer):
    pytest.importorskip("pandas")
    table = answer.to_frame()
    assert table.loc["cost_usd", "value"] == answer.totals["cost_usd"]
    assert table.loc["cost_usd", "p90"] == answer.ranges["cost_usd"]["p90"]


def test_paragraph_says_what_was_stated_and_numbers_its_sources(answer):
    text, _, listed = paper.methods(answer).partition("\n\n")
    for assumption in answer.assumptions:
        if assumption.status == "given":
            assert assumption.path.split(".")[-1].replace("_", " ") in text
    numbers = {int(n) for group in re.findall(r"\[([\d, –]+)\]", text) for n in re.findall(r"\d+", group)}
    count = len(re.findall(r"^\[\d+\] \S", listed, re.MULTILINE))
    assert numbers <= set(range(1, count + 1))
    assert max(numbers) == count


def test_every_publication_is_cited_by_author_and_title(answer):
    assert "source document" not in paper.methods(answer)
    for row in rows("bibliography"):
        said, year = paper.reference(row["id"]), f" ({row['year']})" if row["year"] else ""
        assert said.startswith(f"{row['authors']}{year}. {row['title']}. ")
        assert "source document" not in said


def test_latex_cites_what_bibtex_has(answer):
    text, entries = paper.methods_latex(answer), paper.bibtex(answer)
    cited = {key for keys in re.findall(r"\\cite\{([^}]*)\}", text) for key in keys.split(",")}
    assert cited == set(re.findall(r"^@misc\{([^,]+),$", entries, re.MULTILINE))
    assert len(cited) > 10
    for written in (text, entries):
        assert all(ord(c) <= paper.LAST_LETTER for c in written)
        assert not re.search(r"(?<!\\)[&%#_]", re.sub(r"\\cite\{[^}]*\}|https?://\S*", "", written))
        assert written.count("{") == written.count("}")


def test_latex_of_special_characters():
    assert paper.latex("50 % of A_b & {c} ~ 3 × 10⁶ µs – $x^2\\") == (
        r"50 \% of A\_b \& \{c\} \textasciitilde{} 3 $\times$ 10$^{6}$ $\mu$s -- \$x\textasciicircum{}2\textbackslash{}"
    )


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
def test_latex_compiles(answer, tmp_path):
    body = paper.methods_latex(answer) + "\n\\bibliographystyle{plain}\\bibliography{report}"
    (tmp_path / "report.bib").write_text(paper.bibtex(answer), encoding="utf-8")
    (tmp_path / "m.tex").write_text(
        f"\\documentclass{{article}}\\begin{{document}}{body}\\end{{document}}", encoding="utf-8"
    )
    for program in ("pdflatex -interaction=nonstopmode -halt-on-error m", "bibtex m"):
        done = subprocess.run(shlex.split(program), cwd=tmp_path, capture_output=True)
        assert done.returncode == 0, done.stdout[-2000:]


def test_command_line_asks_the_same(answer):
    words = shlex.split(command_line(yaml.safe_load(to_yaml(answer.resolved.scenario))))
    flags = dict(zip(words[2::2], words[3::2], strict=True))
    changes = [change for flag, change in zip(words[2::2], words[3::2], strict=True) if flag == "--set"]
    tree = {name.removeprefix("--"): value for name, value in flags.items() if name != "--set"}
    again = estimate({}, [f"{name}={value}" for name, value in tree.items()] + changes)
    assert again.totals == answer.totals


def test_command_writes_a_page(tmp_path, capsys):
    page = estimate("examples/llama-3.1-8b.yaml").to_html()
    file = tmp_path / "report.html"
    assert run(["report", "examples/llama-3.1-8b.yaml", "--html", str(file)]) == 0
    assert capsys.readouterr().out == ""
    assert file.read_text(encoding="utf-8") == page
    assert run(["report", "examples/llama-3.1-8b.yaml", "--html", "-"]) == 0
    assert capsys.readouterr().out == page


def test_command_of_what_does_not_fit(capsys):
    assert run(["report", "examples/llama-3.1-8b.yaml", "--set", "devices=1"]) == 3
    assert "does not fit" in capsys.readouterr().out


def test_command_where_nothing_can_be_written(capsys):
    assert run(["report", "examples/llama-3.1-8b.yaml", "--html", "/nowhere/report.html"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "cannot be written" in said.err


@pytest.mark.parametrize("name", [*EXAMPLES, "plan-size"])
def test_examples_follow_the_schema(name):
    text = Path("examples", f"{name}.yaml").read_text(encoding="utf-8")
    jsonschema.Draft202012Validator(schema()).validate(yaml.safe_load(text))


@pytest.mark.parametrize("change", [{"devices": -1}, {"workload": "trian"}, {"colour": "red"}, {"precision": "fp7"}])
def test_the_schema_refuses(change):
    good = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "workload": "train"}
    jsonschema.Draft202012Validator(schema()).validate(good)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema()).validate(good | change)


@pytest.mark.parametrize("options", [["--html", "s.yaml"], ["--bibtex", "./s.yaml"], ["--html", "a", "--bibtex", "a"]])
def test_a_report_overwrites_no_scenario(options, tmp_path, monkeypatch, capsys):
    said = Path("examples/llama-3.1-8b.yaml").read_bytes()
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_bytes(said)
    assert run(["report", "s.yaml", *options]) == 2
    assert "one file is named twice" in capsys.readouterr().err
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [said]
