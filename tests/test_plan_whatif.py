"""What-ifs: hand-checked figures, what must rise or fall, and questions that cannot be answered."""

import json
import re
import shlex

import pytest
from planning import SERVE, TRAIN, column

from costmodel import plan
from costmodel.api import estimate
from costmodel.catalog import CatalogError, economics
from costmodel.cli.main import run
from costmodel.cli.whatif import COMMANDS
from costmodel.plan import learning, pipeline, sleeping
from costmodel.plan.money import DoesNotFit, PlanError
from costmodel.report import whatif
from costmodel.source import ScenarioError
from costmodel.units import DAY

QUIET = SERVE | {"traffic": {"request_rate": "0.002 /s"}}


# Batches, optimisers.


def test_relative_steps_by_hand():
    # 1.5 times the samples in batches four times as large: 0.375 of the steps
    assert learning.relative_steps(150, 40, 100, 10) == pytest.approx(0.375)
    assert learning.time_at_steps(100.0, 0.85) == 85


def test_the_best_batch_adds_no_loss_and_extremes_have_no_evidence():
    answer = plan.batch(TRAIN)
    added, sizes = column(answer, "loss added"), column(answer, "batch")
    assert min(a for a in added if a is not None) == answer.figures["own_added"]
    assert sizes == tuple(sorted(sizes))
    assert added[-1] is None  # 16 times the best batch is beyond what was swept
    assert column(answer, "tokens")[4] == 512 * 8192


def test_benchmark_needs_fewer_steps_of_larger_batches():
    answer = plan.benchmark("resnet")
    steps = column(answer, "steps")
    assert steps[0] == 1
    assert list(steps) == sorted(steps, reverse=True)
    assert answer.figures["more"] > 1
    with pytest.raises(CatalogError, match="resnet"):
        plan.benchmark("resnett")


@pytest.mark.parametrize("name", ["", " ", "1", "\x1b[31m", "\udc80", "muon\n", "x" * 41])
def test_odd_words_name_no_optimiser(name):
    with pytest.raises(PlanError, match="names no optimiser"):
        plan.optimiser(TRAIN, [name])


@pytest.mark.parametrize("cores", ["0", "1e-300", "1001", "1e300", "nan", ""])
def test_absurd_cores_are_refused(cores):
    with pytest.raises(PlanError, match="write for example"):
        plan.feed(TRAIN, cores)


@pytest.mark.parametrize("ask", [plan.buy, plan.sleep])
def test_a_service_that_cannot_keep_up_has_no_answer(ask):
    with pytest.raises(DoesNotFit, match="fewer requests are answered than arrive"):
        ask(SERVE | {"traffic": {"request_rate": "1e9 /s"}})


def test_optimisers_without_published_pairs_say_so():
    answer = plan.optimiser(TRAIN, ["adamw", "muon", "newton"])
    assert column(answer, "steps") == (1.0, 0.91, None)
    assert answer.figures["unknown"] == ("newton",)
    assert column(answer, "time")[1] == pytest.approx(0.91 * estimate(TRAIN).totals["time_s"])
    assert "Nothing published says what newton would need" in whatif.sentence(answer)


# Feeding.


def test_feeding_by_hand():
    # 1 M tokens/s of 4 B are 4 MB/s; at 2 MB/s a core that takes two cores, of which one halves the speed.
    assert pipeline.read_bandwidth(1e6, 4.0) == 4e6
    assert pipeline.cores_needed(4e6, 2e6) == 2
    assert pipeline.time_when_fed(100.0, 2, 1) == 200
    assert pipeline.time_when_fed(100.0, 2, 3) == 100
    assert pipeline.core_hours(7.2e9, 2e6) == 1


def test_devices_wait_when_there_are_too_few_cores():
    # 64 H100 take about 691 thousand tokens a second; with a thousandth of a core each they wait.
    few, many = plan.feed(TRAIN, "0.001"), plan.feed(TRAIN)
    rate = estimate(TRAIN).outcome.performance["tokens_per_s"]
    text, speed = economics.value("text_bytes_per_token").mid, 2.7 * 2**20
    assert many.figures["cores"] == pytest.approx(rate * text / speed)
    assert many.figures["slowed"] == many.figures["time"]
    assert few.figures["slowed"] == pytest.approx(few.figures["time"] * many.figures["cores"] / 0.064)
    assert "wait for it" in whatif.sentence(few)
    assert "never wait" in whatif.sentence(many)


# Sleeping.


def test_sleeping_by_hand():
    # A request every 1,000 s that takes 100 s: 1 − e^−0.1 busy, so that 904.8 of 1,000 s are idle.
    busy = sleeping.busy_share(0.001, 100.0)
    assert busy == pytest.approx(0.0951626)
    idle = sleeping.idle_time(busy, 10_000.0, 2)
    assert idle == pytest.approx(18_096.75, rel=1e-6)
    gaps = sleeping.idle_gaps(idle, 0.001)
    assert gaps == pytest.approx(18.09675, rel=1e-6)
    # 50 W of 4 devices: each of the 18.1 gaps pays for 300 s of waking.
    assert sleeping.saved_by_sleep(50.0, 4, idle, gaps, 300.0) == pytest.approx(200 * (idle - 300 * gaps))
    assert sleeping.saved_by_sleep(50.0, 4, idle, gaps, 2000.0) == 0  # gaps are too short
    assert sleeping.mean_wait(60.0, busy) == pytest.approx(60 * (1 - busy))
    # Of 1,000 J that idling takes, those of the 90.5 % of the time without a request, and 5 J of the loaded model.
    assert sleeping.waiting_energy(1000.0, busy, 5.0) == pytest.approx(1000 * (1 - 0.0951626) + 5)


def test_what_hardly_waits_spends_little_energy_on_waiting():
    figures = plan.sleep(SERVE | {"traffic": {"request_rate": "5 /s"}}).figures
    assert 0 < figures["waiting"] < 1 - figures["busy"] < 0.1  # waiting takes no more power than working


def test_the_rarer_the_requests_the_more_sleeping_saves():
    rates = ("1 /s", "0.01 /s", "0.001 /s", "0.0001 /s")
    found = [plan.sleep(SERVE | {"traffic": {"request_rate": rate}}).figures for rate in rates]
    for name in ("saved_unloaded", "saved_off", "waiting"):
        values = [f[name] for f in found]
        assert values == sorted(values)
    assert found[0]["saved_off"] == 0
    assert 0 < found[-1]["saved_unloaded"] < found[-1]["saved_off"] < 1


# Compression.


def test_compression_is_that_of_the_estimate():
    answer = plan.compress(SERVE, ["none", "int4"])
    for place, chain in enumerate(("none", "int4")):
        alone = estimate(SERVE | {"compression": chain}).outcome.performance
        assert column(answer, "cost per million tokens")[place] == alone["cost_per_million_output_tokens_usd"]
    assert column(answer, "quality")[0] is None
    assert 0.9 < column(answer, "quality")[1] < 1


def test_each_compression_is_served_in_its_best_layout():
    big, chains = SERVE | {"model": "llama-3.1-70b", "devices": 8}, ["none", "fp8", "int4"]
    answer = plan.compress(big, chains)
    for place, chain in enumerate(chains):
        alone = {n: estimate(big | {"compression": chain, "parallelism": {"tp": n}}) for n in (1, 2, 4, 8)}
        costs = {
            n: found.outcome.performance["cost_per_million_output_tokens_usd"]
            for n, found in alone.items()
            if found.fits
        }
        assert column(answer, "cost per million tokens")[place] == pytest.approx(min(costs.values()))
        assert costs[column(answer, "tp")[place]] == min(costs.values())
    stated = plan.compress(big | {"parallelism": {"tp": 8}}, chains)
    assert set(column(stated, "tp")) == {8}


def test_the_cheapest_without_evidence_stands_beside_the_cheapest_with_it():
    distilled = "[{method: distil, student: llama-3.2-1b, tokens: 1e9}]"
    said = whatif.sentence(plan.compress(SERVE, ["none", "fp8", distilled]))
    assert "no evidence on its quality" in said
    assert "With evidence it is to quantise fp8" in said


def test_formats_of_the_scenario_give_way_to_those_of_the_compressions():
    plain = plan.compress(SERVE)
    for precision in ("fp8", {"weights": "int4"}, {"compute": "fp8", "weights": "bf16"}):
        narrow = plan.compress(SERVE | {"precision": precision})
        assert narrow.columns == plain.columns
        assert narrow.notes[0].startswith("Without precision.")


def test_of_the_usual_compressions_those_are_left_out_that_cannot_be():
    answer = plan.compress(SERVE | {"hardware": "a100-sxm-80gb"})  # which computes in no fp8
    assert len(column(answer, "compression")) == 2
    assert answer.notes[0] == "Without fp8: hardware a100-sxm-80gb has no peak for fp8."
    with pytest.raises(PlanError, match="compression does not apply to workload train"):
        plan.compress(SERVE | {"workload": "train"})


# Every question.


def test_bought_hardware_without_a_known_rent_is_told_how_to_state_one():
    own = {"pricing": "own", "hardware_price": "100 USD"}
    phone = TRAIN | {"model": "gpt2", "hardware": "snapdragon-8-elite", "devices": 1, "costs": own}
    with pytest.raises(PlanError) as caught:
        plan.buy(phone)
    changes = re.findall(r"--set (\S+=(?:'[^']*'|\S+))", str(caught.value))
    assert plan.buy(phone, overrides=[change.replace("'", "") for change in changes]).figures["rent"] > 0


def test_other_optimisers_are_compared_with_adamw_alone():
    with pytest.raises(PlanError, match="optimizer=adamw"):
        plan.optimiser(TRAIN | {"workload": {"kind": "train", "optimizer": "sgd"}})


QUESTIONS = {
    "fleet": ({}, ["--add", "a100-sxm-80gb=32"]),
    "scale": ({}, []),
    "buy": ({}, []),
    "batch": ({}, []),
    "optimiser": ({}, []),
    "compress": (SERVE, []),
    "feed": ({}, []),
    "sleep": (QUIET, []),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_command_says_what_the_function_says(name, tmp_path, capsys):
    file = tmp_path / "scenario.json"
    file.write_text(json.dumps(QUESTIONS[name][0] or TRAIN), encoding="utf-8")
    said = QUESTIONS[name][1]
    answer = getattr(plan, name)(file, *said[1:])
    for form, shown in (
        ("text", whatif.render(answer) + "\n"),
        ("csv", whatif.csv(answer)),
        ("json", json.dumps(whatif.data(answer), indent=1) + "\n"),
    ):
        assert run(["plan", name, str(file), *said, "-o", form]) == 0
        assert capsys.readouterr().out == shown
    assert whatif.sentence(answer).endswith(".")


@pytest.mark.parametrize("name", ["fleet", "scale", "batch", "optimiser", "feed"])
def test_questions_about_training_refuse_a_service(name):
    with pytest.raises(PlanError, match="write workload: train"):
        getattr(plan, name)(SERVE)


@pytest.mark.parametrize("scenario", [TRAIN, SERVE])
def test_sleep_needs_a_service_and_its_request_rate(scenario):
    with pytest.raises(PlanError, match=r"write (traffic|workload)"):
        plan.sleep(scenario)


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize(
    "scenario", [{"model": "nothing"}, {}, TRAIN | {"devices": 0}, TRAIN | {"model": "gpt-3-175b", "devices": 1}]
)
def test_bad_scenarios_are_one_clear_error(name, scenario):
    serve = {"workload": "serve"} | {"traffic": {"request_rate": "1 /s"}} if name in ("sleep", "compress") else {}
    if name == "scale" and "gpt-3" in str(scenario):
        return  # more devices have room
    with pytest.raises((ScenarioError, CatalogError, PlanError)) as error:
        getattr(plan, name)(scenario | serve)
    assert len(str(error.value).splitlines()) <= 4


@pytest.mark.parametrize("name", sorted({*QUESTIONS} - {"sleep", "compress", "scale"}))
def test_a_job_without_room_is_answered_with_exit_code_3(name, tmp_path, capsys):
    file = tmp_path / "scenario.json"
    file.write_text(json.dumps(TRAIN | {"model": "gpt-3-175b", "devices": 1}), encoding="utf-8")
    more = ["--add", "a100-sxm-80gb=1"] if name == "fleet" else []
    assert run(["plan", name, str(file), *more]) == 3
    printed = capsys.readouterr()
    assert not printed.out
    assert len(printed.err.splitlines()) == 1


def test_a_day_is_a_period():
    assert plan.buy(TRAIN, "1 day").figures["period"] == DAY


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_example_of_a_commands_help_runs(command, capsys):
    (example,) = re.findall(r"Example:\s+costmodel (.*)", command.help)
    assert run(shlex.split(example)) == 0
    assert capsys.readouterr().out
