"""Exit code 3: services that cannot keep up, and figures above a limit (docs/ci.md)."""

import json
import re

import pytest

from costmodel import estimate
from costmodel.cli import main

OVERLOAD = ["examples/llama-3.1-70b-int4.yaml", "--set", "traffic.request_rate=20 requests/s"]


@pytest.fixture
def run(capsys):
    """Runs a command: its exit code, standard output and standard error."""

    def asked(*words):
        code = main.run([*words])
        return code, *capsys.readouterr()

    return asked


def test_a_service_that_cannot_keep_up_is_no_answer(run):
    code, said, _ = run("estimate", *OVERLOAD, "--fail-over", "cost_usd=1e9")
    assert code == 3
    first, *rest = said.splitlines()
    answered, enough = re.search(
        r" does not keep up: it answers ([\d.]+) of the 20 requests/s that arrive, .*; (\d+) devices keep up\.$",
        first,
    ).groups()
    assert 0 < float(answered) < 20
    assert f"Nearest change that fits: --set devices={enough}" in rest
    assert not any("cost" in line.partition(":")[0] for line in rest)
    assert run("estimate", *OVERLOAD, "--set", f"devices={enough}")[0] == 0
    found = json.loads(run("estimate", *OVERLOAD, "-o", "json")[1])
    assert found["answer"] == first
    assert (found["fits"], found["memory"]["fits"]) == (False, True)
    for figures in (found["totals"], found["performance"], *found["breakdown"].values()):
        assert set(figures.values()) == {None}
    for command in (["explain", "totals.cost_usd"], ["report"], ["sensitivity"]):
        code, said, _ = run(*command, *OVERLOAD)
        assert (code, said.splitlines()[0]) == (3, first)
    both = run("compare", OVERLOAD[0], OVERLOAD[0], "--set", f"2:{OVERLOAD[2]}")[1]
    assert "(2) does not keep up." in both.splitlines()[0]
    assert "does not keep up" in next(line for line in both.splitlines() if line.startswith("cost "))


@pytest.mark.parametrize(
    ("limit", "code", "says"),
    [
        ("cost=1 M USD", 0, ""),
        ("cost=100 k USD", 3, "costmodel: cost 198.4 k USD exceeds 100 k USD"),
        ("cost_usd=1e5", 3, "costmodel: cost 198.4 k USD exceeds 100 k USD"),
        ("time=2 weeks", 3, "costmodel: time 16.78 days exceeds 14 days"),
        ("staff=1000 person-hours", 0, ""),
        ("storage=1 TB-month", 3, "costmodel: storage 28.52 TB-months exceeds 1 TB-month"),
        ("cost=1e5", 2, "needs a unit; write for example '1 M USD'"),
        ("cost=1 M EUR", 2, "unknown unit 'EUR'"),
        ("csot=1 M USD", 2, "did you mean 'cost'"),
        ("cost", 2, "write for example cost='1 M USD'"),
        ("carbon=-1 kg", 2, "must be at least 0; write for example"),
        ("step_time_s=1", 3, "costmodel: step time 6.069 s exceeds 1 s"),
        ("memory of a device=1 GB", 3, "costmodel: memory of a device "),
        ("memory_used_bytes=8e10", 0, ""),
        ("ttft_s=0.3", 2, "workload train of this model has no time to first token"),
        ("mfu=0.4", 2, "unknown limit 'mfu'"),  # of which more is better
    ],
)
def test_fail_over(limit, code, says, run):
    file = "examples/llama-3.1-8b.yaml"
    found, out, err = run("estimate", file, "--fail-over", limit, "--fail-over", "time=1 year")
    assert found == code
    assert says in err
    assert bool(err) == bool(code)
    assert out.startswith("Training") == (code != 2)


def test_fail_over_may_compare_an_end_of_the_range(run):
    file = "examples/llama-3.1-8b.yaml"
    spread = estimate(file).ranges["cost_usd"]
    between = (spread["p50"] + spread["p90"]) / 2

    def asked(limit, *more):
        code, _, err = run("estimate", file, *more, "--fail-over", limit)
        return code, err

    assert asked(f"cost_usd={between}") == asked(f"cost_usd.p50={between}") == (0, "")
    code, says = asked(f"cost_usd.p90={between}")
    assert code == 3
    assert says.startswith("costmodel: cost (p90) ")
    for wrong, more in (("cost_usd.p99=1", ()), ("cost_usd.p90=1", ("--set", "ranges=false"))):
        code, says = asked(wrong, *more)
        assert code == 2
        assert says.startswith(f"costmodel: --fail-over {wrong[:12]}")
