"""What each kind of workload assumes when little is said."""

import pytest

from costmodel.api import estimate
from costmodel.loading import load
from costmodel.source import ScenarioError

BASE = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "ranges": False}


def assumption(answer, path):
    return next(a for a in answer.assumptions if a.path == path)


def test_every_default_says_why():
    for kind in ("train", "finetune", "serve", "infer"):
        for a in estimate(BASE | {"workload": kind}).assumptions:
            assert a.status in ("given", "catalog", "default", "inferred", "fitted")
            assert a.source
            assert a.note or a.status in ("given", "catalog"), (kind, a.path)


def test_tokens_of_training_and_fine_tuning():
    answers = (estimate(BASE | {"workload": kind}) for kind in ("train", "finetune"))
    train, finetune = (assumption(answer, "workload.tokens") for answer in answers)
    assert train.value == 20 * 8_030_261_248  # Hoffmann et al. 2022: 20 per parameter
    assert (train.status, train.source) == ("inferred", "hoffmann-2022")
    assert finetune.status == "default"
    assert finetune.low < finetune.value < finetune.high
    said = estimate(BASE | {"workload": {"kind": "finetune", "tokens": 5e7}})
    assert assumption(said, "workload.tokens").status == "given"


def test_a_batch_of_requests_is_no_more_than_it_is():
    infer = BASE | {"workload": {"kind": "infer", "requests": 640}, "parallelism": {"tp": 1}}
    small, alone = (estimate(infer, [f"workload.requests={n}"]) for n in (640, 64))
    assert small.outcome.performance["sequences_in_flight"] == 10
    assert alone.outcome.performance["sequences_in_flight"] == 1
    # One request per replica: the batch takes as long as one request.
    assert alone.totals["time_s"] == pytest.approx(alone.outcome.performance["latency_s"])
    assert alone.totals["time_s"] < small.totals["time_s"]


def test_more_requests_take_longer():
    times = [
        estimate(BASE | {"workload": {"kind": "infer", "requests": n}}).totals["time_s"] for n in (1, 10, 1e3, 1e5, 1e7)
    ]
    assert times == sorted(times)
    assert times[-1] / times[-2] == pytest.approx(100, rel=0.02)


@pytest.mark.parametrize("section", ["compression", "slo"])
def test_sections_that_are_not_modelled_say_so(section):
    with pytest.raises(ScenarioError, match=f"{section} is not modelled yet; leave it out"):
        load(BASE | {"workload": "train", section: {"prune": 0.5}})


def test_warns_of_sequences_that_the_model_was_not_made_for():
    long = estimate(BASE | {"model": "gpt2", "workload": {"kind": "serve", "input_tokens": 2000}})
    assert any("2,256 tokens are more than the 1,024 that gpt2" in warning for warning in long.warnings)
    assert not estimate(BASE | {"model": "gpt2", "workload": "train"}).warnings


def test_request_rates_are_served_up_to_saturation():
    serve = BASE | {"workload": "serve", "devices": 8, "parallelism": {"tp": 1}}

    def at(rate):
        return estimate(serve, [f"traffic.request_rate={rate} requests/s"])

    most = estimate(serve, ["traffic.utilisation=1"]).outcome.performance["requests_per_s"]
    for rate in (1e-6, 1.0, 0.5 * most, 0.99 * most):
        assert at(rate).outcome.performance["requests_per_s"] == pytest.approx(rate, rel=1e-12)
        assert not at(rate).warnings
    beyond = at(2 * most)
    assert beyond.outcome.performance["requests_per_s"] == pytest.approx(most, rel=1e-12)
    assert any("beyond saturation" in warning for warning in beyond.warnings)
    flying = [at(rate).outcome.performance["sequences_in_flight"] for rate in (1e-6, 0.5 * most, most, 2 * most)]
    assert flying == sorted(flying)
    assert flying[0] == 1
