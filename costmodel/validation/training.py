"""Training rows: steps and the memory of a device.

Blank cells follow the rules of `question.RULES` or, where there is none, the defaults of a scenario. `interconnect`,
`devices_per_node` and versions have no counterpart in a scenario yet and are not read.
"""

from __future__ import annotations

import re
from typing import Any

from costmodel.catalog import hardware as catalog
from costmodel.compression.schema import USUAL_RANK
from costmodel.outcome import Outcome
from costmodel.units import UNITS, Number
from costmodel.validation import measures
from costmodel.validation.question import (
    Kind,
    Question,
    Skip,
    architecture,
    catalog_model,
    device,
    number_format,
    other_model,
    parameters,
    refused,
    shape_of_size,
    shards,
    stated,
    usual_heads,
    whole,
    word,
    work_of_sample,
)
from costmodel.validation.table import Row
from costmodel.workloads.formulas.step import model_training_flops, step_flops, tokens_per_step

ZERO = {"none": 0, "zero1": 1, "zero2": 2, "zero3": 3, "fsdp": 3, "hsdp": 3}
OPTIMIZERS = ("adamw", "adam", "sgd", "sgd-momentum")
OTHER_OPTIMIZERS = ("adafactor", "adagrad", "lamb", "lars", "lion", "muon", "muon+adamw", "rmsprop", "shampoo", "soap")
KINDS = ("step", "total")
FUSED = ("flash", "flash1", "flash2", "flash3", "sdpa", "te")
WIDE_GRADIENTS = ("megatron", "nemo")  # frameworks that sum the gradients of bf16 and narrower in 32 bits
SINCE = "2022-06"  # after Dao et al. 2022 (fused attention) and Korthikanti et al. 2022 (sequence parallelism)
# What is recomputed: nothing, all, or a part; the name of a policy, or the parts that it names.
PART = re.compile(r"selective\b|full\b|remat_policy=\w|minimal|save_|.*(attn|attention|mlp|proj|norm|moe)", re.DOTALL)
# What is trained where some weights are frozen, and what becomes of those before.
ADAPTERS = {"": None, "lora": {"rank": USUAL_RANK}, "qlora-nf4": {"rank": USUAL_RANK}}
COMPRESSED = {"qlora-nf4": [{"method": "quantise", "weights": "nf4"}]}
FEED_FORWARD = 4  # width of an MLP without a gate, in widths of the model; a gated one has another


def measured(row: Row) -> dict[str, float | None]:
    """Step time [s], from a rate if need be, and peak memory of a device [B]."""
    found: dict[str, float | None] = {}
    step, batch, sequence = row.number("step_time_s"), global_batch(row), row.number("seq_len")
    tokens_rate, sample_rate = row.number("tokens_per_s"), row.number("samples_per_s")
    if step is not None:
        found["step_time_s"] = step
    elif tokens_rate and batch and sequence:
        found["step_time_s"] = float(measures.step_time_of_rate(batch, sequence, tokens_rate))
    elif sample_rate and batch:
        found["step_time_s"] = float(measures.step_time_of_rate(batch, 1.0, sample_rate))
    elif row.text("kind").lower() == "total" or tokens_rate or sample_rate:
        found["step_time_s"] = None
    if (memory := row.number("peak_mem_gib")) is not None:
        found["peak_memory_bytes"] = memory * UNITS["GiB"][0]
    return found


def ask(row: Row, metric: str) -> Question:
    """The scenario of a training row. Raises Skip."""
    made = architecture(row)
    if metric == "step_time_s":
        if word(row, "kind", KINDS) == "total":
            raise Skip("a whole run: its time is a matter of kind totals")
        if global_batch(row) is None:
            raise Skip("global batch not stated")
    _not_modelled(row)
    inferred: list[str] = []
    hardware = device(row, inferred)
    if (devices := row.number("devices")) is None:
        raise Skip("number of devices not stated")
    if frozen := row.text("frozen"):
        inferred.append("adapters")
    if (sequence := row.number("seq_len")) is None and made.samples is None:
        raise Skip("sequence length not stated")
    if (batch := global_batch(row)) is None or row.number("global_batch") is None:
        inferred.append("global batch")
    scenario = {
        "model": _model(row, inferred) if made.generates else other_model(row),
        "hardware": hardware,
        "devices": whole(devices),
        "workload": stated(
            {
                "kind": "finetune" if frozen else "train",
                "adapters": ADAPTERS[frozen],
                "sequence": whole(sequence) if made.samples is None else None,
                "global_batch": whole(batch),
                "optimizer": _optimizer(row, inferred),
            }
        ),
        "compression": COMPRESSED.get(frozen),
        "precision": _precision(row, inferred),
        "parallelism": _parallelism(row, hardware, inferred),
        "engine": {"attention": _attention(row, inferred)} if made.generates else None,
        "costs": {"price": "0 USD/h", "staff": "none"},
    }
    return Question(stated(scenario), metric, tuple(inferred))


def global_batch(row: Row) -> float | None:
    """Sequences per step: as stated, else micro-batch · replicas · accumulation steps (one if unsaid)."""
    stated_batch, micro, dp = row.number("global_batch"), row.number("micro_batch"), row.number("dp")
    if stated_batch is not None or micro is None or dp is None:
        return stated_batch
    return micro * dp * (row.number("grad_accum") or 1)


def naive(row: Row, question: Question, result: Outcome) -> Number:
    """The baseline of a training row."""
    job, count = result.job, parameters(row, result)
    if question.figure == "peak_memory_bytes":
        layout = job.parallelism
        ranks = shards(job) if layout.zero < 3 else job.devices
        return measures.naive_training_memory(count, ranks)
    work, batch = job.workload, job.workload.global_batch
    if work.sequence is None:
        flops = step_flops(model_training_flops(work_of_sample(job)), batch)
    else:
        flops = measures.parameter_flops(count, tokens_per_step(batch, work.sequence), 6.0)
    return measures.naive_step_time(flops, job.devices, job.hardware.peak)


def _not_modelled(row: Row) -> None:
    if row.text("frozen") not in ADAPTERS:
        raise Skip(f"{row.text('frozen')[:40]}: training of a part of the weights is not modelled")
    if row.text("offload") not in ("", "none"):
        raise Skip("offloading to the host is not modelled")
    if row.text("attention") not in ("", "mha", "gqa", "mqa"):
        raise Skip(f"attention {row.text('attention')[:40]} is not modelled")
    window, sequence = row.number("window"), row.number("seq_len")
    if window is not None and sequence is not None and window < sequence:
        raise Skip("sliding-window attention is not modelled")


def _model(row: Row, inferred: list[str]) -> str | dict[str, Any]:
    layers, hidden, ffn = (whole(row.number(name)) for name in ("layers", "hidden", "ffn_hidden"))
    if layers is None or hidden is None or ffn is None:
        if (known := catalog_model(row)) is not None:
            return known
        if (count := row.number("n_params")) is None:
            raise Skip("neither shape nor size of the model is stated")
        return shape_of_size(count, inferred)
    said = {name: row.number(name) for name in ("heads", "vocab", "gated_mlp", "tied_embeddings")}
    if None in said.values():
        inferred.append("shape details")
    gated = ffn != FEED_FORWARD * hidden if said["gated_mlp"] is None else bool(said["gated_mlp"])
    heads = whole(said["heads"]) or usual_heads(hidden, whole(row.number("tp")) or 1)
    return stated(
        {
            "name": row.text("model")[:100] or None,
            "layers": layers,
            "hidden": hidden,
            "ffn": ffn,
            "heads": heads,
            "kv_heads": whole(row.number("kv_heads")),
            "head_dim": whole(row.number("head_dim")),
            "vocab": whole(said["vocab"]) or (32000 if gated else 51200),
            "gated": gated,
            "tied": not gated if said["tied_embeddings"] is None else bool(said["tied_embeddings"]),
            "norm": "rms" if gated else "layernorm",
            "attention_bias": not gated,
            "mlp_bias": not gated,
            "position": "rope" if gated else "learned",
            "max_sequence": whole(row.number("seq_len")),
        }
    )


def _optimizer(row: Row, inferred: list[str]) -> str | None:
    name = word(row, "optimizer", (*OPTIMIZERS, *OTHER_OPTIMIZERS))
    if name in OTHER_OPTIMIZERS:
        inferred.append("optimizer")
    return name if name in OPTIMIZERS else None


def _precision(row: Row, inferred: list[str]) -> dict[str, str]:
    if not (name := row.text("precision")):
        inferred.append("precision")
        return {}
    compute = number_format(name, inferred)
    if compute in ("fp32", "tf32"):
        return {"compute": compute} | dict.fromkeys(("weights", "activations", "gradients"), "fp32")
    summed = any(name in row.text("framework").lower() for name in WIDE_GRADIENTS) and compute != "fp16"
    return {"compute": compute} | ({"gradients": "fp32"} if summed else {})


def _parallelism(row: Row, accelerator: str, inferred: list[str]) -> dict[str, Any]:
    layout = {name: whole(row.number(name)) for name in ("tp", "pp", "vp", "dp", "cp", "micro_batch")}
    replicas, accumulation = layout["dp"], row.number("grad_accum")
    if layout["micro_batch"] is None and replicas and accumulation and (batch := row.number("global_batch")):
        layout["micro_batch"] = whole(batch / (replicas * accumulation))
    if layout["micro_batch"] is None:
        inferred.append("micro-batch")
    if (layout["tp"] is None or layout["pp"] is None) and row.number("devices") != 1:
        inferred.append("parallelism")
    if layout["vp"] is None and (layout["pp"] or 1) > 1:
        inferred.append("interleave")
    sharding = word(row, "sharding", ZERO)
    if not sharding and (replicas is None or replicas > 1):
        inferred.append("zero")
    parallel = row.number("sequence_parallel")
    return stated(
        _of_devices(layout, row.number("devices"), accelerator, inferred)
        | {
            "zero": ZERO.get(sharding),
            "recompute": _recompute(row, inferred),
            "sequence_parallel": (False if _early(row) else None) if parallel is None else bool(parallel),
        }
    )


def _attention(row: Row, inferred: list[str]) -> str:
    """Attention as stated; of a row that does not say, as it was at its date."""
    said = word(row, "attention_impl", (*FUSED, "unfused"))
    if not said:
        inferred.append("attention")
    return "unfused" if said == "unfused" or (not said and _early(row)) else "fused"


def _early(row: Row) -> bool:
    """Whether a row is from before fused attention and sequence parallelism were published."""
    return "" < row.text("date") < SINCE


def _of_devices(
    layout: dict[str, int | None], devices: float | None, accelerator: str, inferred: list[str]
) -> dict[str, int | None]:
    """The layout in degrees of devices where those stated count a device's cores: these share a tensor, or a batch."""
    cores, (tp, pp, dp) = catalog.device(accelerator).sms or 1, (layout[name] for name in ("tp", "pp", "dp"))
    if cores == 1 or not (tp and pp and dp) or tp * pp * dp != cores * (devices or 0):
        return layout
    inferred.append("cores")
    if tp % cores == 0:
        return layout | {"tp": tp // cores}
    micro_batch = layout["micro_batch"]
    return layout | {"dp": dp // cores, "micro_batch": micro_batch and cores * micro_batch}


def _recompute(row: Row, inferred: list[str]) -> str | None:
    """None, selective or full; a policy of its own recomputes a part, as selective does."""
    said = row.text("recompute").lower()
    if not said:
        inferred.append("recompute")
        return None
    name = said.removeprefix("remat_policy=")
    if name in ("none", "selective", "full"):
        return name
    if not PART.match(said):
        raise refused(row, "recompute", "write none, selective, full, or what is recomputed, such as selective:mlp")
    inferred.append("recompute policy")
    return "selective"


KIND = Kind(
    columns=("row_id", "source", "model", "accelerator", "devices", "seq_len"),
    measured_columns=("step_time_s", "tokens_per_s", "samples_per_s", "peak_mem_gib"),
    main_metric="step_time_s",
    measured=measured,
    ask=ask,
    naive=naive,
)
