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


@pytest.mark.parametrize("section", ["slo"])
def test_sections_that_are_not_modelled_say_so(section):
    with pytest.raises(ScenarioError, match=f"{section} is not modelled yet; leave it out"):
        load(BASE | {"workload": "train", section: {"prune": 0.5}})


def test_warns_of_sequences_that_the_model_was_not_made_for():
    long = estimate(BASE | {"model": "gpt2", "workload": {"kind": "serve", "input_tokens": 2000}})
    assert any("2,256 tokens are more than the 1,024 that gpt2" in warning for warning in long.warnings)
    short = estimate(BASE | {"model": "gpt2", "workload": {"kind": "train", "global_batch": 512}})
    assert not short.warnings


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
    assert beyond.has_room
    assert not beyond.fits
    enough = beyond.changes["devices"]
    assert estimate(serve, [f"traffic.request_rate={2 * most} requests/s", f"devices={enough}"]).fits
    assert not estimate(serve, [f"traffic.request_rate={2 * most} requests/s", f"devices={enough - 1}"]).fits
    assert at(1e9).changes == {}  # no scenario has so many devices
    assert at(1e9).remedy == "more devices, or a lower traffic.request_rate"
    flying = [at(rate).outcome.performance["sequences_in_flight"] for rate in (1e-6, 0.5 * most, most, 2 * most)]
    assert flying == sorted(flying)
    assert flying[0] == 1


def goodput(model, devices, **assumptions):
    scenario = BASE | {"model": model, "devices": devices, "workload": "train", "assumptions": assumptions}
    return estimate(scenario).outcome.performance["goodput"]


def test_storage_grows_with_the_cluster_that_it_is_bought_for():
    # The Llama 3 Herd of Models (arXiv:2407.21783), section 3.3.4: more than 90 % effective training time.
    assert 0.9 < goodput("llama-3.1-405b", 16_384) < 0.95
    # Nothing changes for few devices, and a bandwidth that is stated is that of the cluster.
    for bandwidth, devices in (("20 GB/s", 8), ("20 GB/s", 128), ("122 GB/s", 1000)):
        stated = goodput("llama-3.1-8b", devices, **{"costs.checkpoint_bandwidth": bandwidth})
        assert goodput("llama-3.1-8b", devices) == pytest.approx(stated, rel=1e-12)
    assert goodput("llama-3.1-405b", 16_384, **{"costs.checkpoint_bandwidth": "20 GB/s"}) < 0.8


def test_utilisation_is_a_share_of_the_requests_in_flight_not_of_the_throughput():
    serve = BASE | {"workload": "serve", "devices": 8, "parallelism": {"tp": 1}}
    half, full = (estimate(serve | {"traffic": {"utilisation": u}}).outcome.performance for u in (0.5, 1))
    assert half["sequences_in_flight"] == pytest.approx(0.5 * full["sequences_in_flight"], rel=1e-12)
    assert half["requests_per_s"] > 0.6 * full["requests_per_s"]


def serving(batch, answer, prompt=1024):
    """Times of a Llama 3.1 8B on one device with `batch` requests in flight."""
    work = {"kind": "serve", "input_tokens": prompt, "output_tokens": answer}
    scenario = BASE | {"devices": 1, "workload": work, "traffic": {"concurrency": batch}, "parallelism": {"tp": 1}}
    return estimate(scenario).outcome.performance


def test_latency_of_a_batch_is_its_prompts_and_its_decode_steps():
    # Prompts as long as a chunk (8,192 tokens) pass one by one: four with one token each take four times one.
    one, four = serving(1, 1, 8192), serving(4, 1, 8192)
    assert one["latency_s"] == one["ttft_s"]
    assert four["latency_s"] == four["ttft_s"] == pytest.approx(4 * one["latency_s"], rel=1e-12)
    # One request alone: its prompt and 15 steps.
    alone = serving(1, 16, 8192)
    assert alone["ttft_s"] == one["ttft_s"]
    assert alone["latency_s"] == pytest.approx(alone["ttft_s"] + 15 * alone["tpot_s"], rel=1e-12)


def test_short_prompts_share_a_pass():
    # Eight prompts of 1,024 tokens fill a chunk: together they take less than one after the other, more than one.
    one, eight, sixteen = (serving(batch, 1)["latency_s"] for batch in (1, 8, 16))
    assert one < eight < 8 * one
    assert sixteen == pytest.approx(2 * eight, rel=1e-12)  # two full passes


def test_requests_that_replace_each_other_come_in_full_passes():
    from costmodel.api import estimate

    # Eight prompts of 1,024 tokens fill the chunk of 8,192 that a pass takes: more in flight wait no longer.
    work = {"kind": "serve", "input_tokens": 1024, "output_tokens": 256}
    first = {
        count: estimate(
            {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 1, "workload": work, "ranges": False}
            | {"traffic": {"concurrency": count}}
        ).outcome.performance["ttft_s"]
        for count in (1, 8, 64)
    }
    assert 6 * first[1] < first[8] < 8 * first[1]
    assert first[64] == pytest.approx(first[8])


def test_prompts_of_others_spread_over_an_answer():
    from costmodel.workloads.formulas import serving as f

    # By hand: 4 in flight, 2 s a prompt, 3 s a step, 6 tokens. Of the 3 other prompts a sixth, 1 s, falls on a token:
    # 2 + 1 to the first token, 3 + 1 for each of five more; in all 4 prompts and 5 steps, 8 + 15 = 23 s.
    first = f.time_to_first_token(2.0, 2.0, 4.0, 6.0)
    token = f.time_per_output_token(3.0, 2.0, 4.0, 1.0, 6.0)
    assert (first, token) == (3.0, 4.0)
    assert f.request_latency(first, token, 6.0) == 23.0
    assert f.time_to_first_token(5.0, 2.0, 4.0, 6.0) == 5.0  # alone in a pass its prompt takes 5 s
    # All four in one pass of 8 s: nothing else comes between their steps, and in all they take as long.
    first, token = f.time_to_first_token(8.0, 2.0, 4.0, 6.0), f.time_per_output_token(3.0, 2.0, 4.0, 4.0, 6.0)
    assert (first, token, f.request_latency(first, token, 6.0)) == (8.0, 3.0, 23.0)
    assert [f.prompts_at_once(8192.0, n, 10.0) for n in (512.0, 1000.0, 8192.0, 9000.0)] == [10.0, 8.0, 1.0, 1.0]


def small(micro_batch, *changes):
    """Training of a small model, micro-batch by micro-batch."""
    layers = {"layers": 12, "hidden": 512, "heads": 8, "ffn": 2048, "vocab": 8192}
    work = {"kind": "train", "tokens": 1e9, "sequence": 1024, "global_batch": 64}
    layout = {"tp": 1, "pp": 1, "micro_batch": micro_batch, "recompute": "none", "zero": 0}
    return estimate(BASE | {"model": layers, "devices": 1, "workload": work, "parallelism": layout}, changes).outcome


def test_small_kernels_wait_for_the_host():
    # 11 operators a layer (two norms, two sums, four products, rotation, attention, activation), four at the ends,
    # each forward and twice backward: (12 · 11 + 4) · 3 = 408 calls a micro-batch, 10 us each.
    found = small(1)
    host = found.job.profile.framework.host_time_per_call * 408 * 64
    assert host == pytest.approx(0.26112)
    parts = found.breakdown["time_s"]
    steps = found.performance["steps"]
    per_micro_batch = ("matrix products", "attention", "memory-bound operators", "recomputation", "host launches")
    assert parts["host launches"] > 0
    assert sum(parts[name] for name in per_micro_batch) / steps == pytest.approx(host)
    # Recomputing all calls the forward pass again.
    again = small(1, "parallelism.recompute=full")
    assert sum(again.breakdown["time_s"][name] for name in per_micro_batch) / steps == pytest.approx(host * 4 / 3)


def test_large_kernels_do_not_wait():
    assert small(64).breakdown["time_s"]["host launches"] == 0
    assert estimate(BASE | {"workload": "train"}).outcome.breakdown["time_s"]["host launches"] == 0
