"""Who may import whom: each floor uses only floors below it (docs/architecture.md)."""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent / "costmodel"
FLOORS = [
    {"units", "files"},
    {"trace", "ops", "formula"},
    {"notation", "readings"},
    {"operators.matmul", "operators.attention", "operators.memory_bound", "operators.collective", "program"},
    {"compression.formulas"},
    {"catalog", "fields", "architectures"},
    {"shapes"},
    {"compression.schema", "source"},
    {"scenario"},
    {"loading"},
    {"job", "profile", "quality"},
    {"operators.timing", "parallel", "memory", "outcome"},
    {"workloads.formulas", "compression.adapters"},
    {"costs"},
    {"workloads"},
    {"engine", "device", "model", "stated", "book"},
    {"compression.effects", "pricing"},
    {"resolve", "compression.making", "compression.expected"},
    {"documents"},
    {"ranges"},
    {"compression.account"},
    {"validation"},
    {"advice"},
    {"api", "sweeping", "tornado", "roofline"},
    {"plan", "comparing"},
    {"report"},
    {"cli"},
]
# An Estimate and a plan show themselves: their text is made where texts are made.
LAZY_UPWARD = {("api", "report"), ("plan", "report")}


def floor(module: str) -> int | None:
    name = module.removeprefix("costmodel.")
    for part in (name, ".".join(name.split(".")[:2]), name.split(".")[0]):
        for height, rooms in enumerate(FLOORS):
            if part in rooms:
                return height
    return None


def imports(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("costmodel"):
            for name in node.names:
                inner = ROOT.parent / f"{node.module}.{name.name}".replace(".", "/")
                is_module = inner.is_dir() or inner.with_suffix(".py").exists()
                yield f"{node.module}.{name.name}" if is_module else node.module
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.startswith("costmodel"))


def test_no_floor_uses_one_above_it():
    wrong = []
    for path in ROOT.rglob("*.py"):
        module = ".".join(("costmodel", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
        here = floor(module)
        for used in set(imports(path)):
            there = floor(used)
            pair = (module.split(".")[1] if "." in module else "", used.split(".")[1] if "." in used else "")
            if here is not None and there is not None and there > here and pair not in LAZY_UPWARD:
                wrong.append(f"{module} uses {used}")
    assert not wrong, wrong


def test_every_module_has_a_floor():
    tops = {path.stem if path.suffix else path.name for path in ROOT.iterdir() if not path.name.startswith("__")}
    rooms = {room.split(".")[0] for floor in FLOORS for room in floor}
    assert tops - {"py", "py.typed"} <= rooms


def test_files_stay_readable():
    long = {p.name: n for p in ROOT.rglob("*.py") if (n := len(p.read_text(encoding="utf-8").splitlines())) > 420}
    assert not long


def test_a_plain_install_has_what_modules_import():
    core = {"numpy", "pydantic", "pydantic_core", "click", "yaml", "sympy", "jinja2", "math_core", "costmodel"}
    wrong = {
        f"{path.name} imports {name}"
        for path in ROOT.rglob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        for name in _imported(node)
        if name.split(".")[0] not in core | sys.stdlib_module_names
    }
    assert not wrong


def _imported(node):
    if isinstance(node, ast.ImportFrom):
        return [str(node.module)]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
