"""The levers that the documents name to save cost, each as a question that a command answers with numbers."""

from __future__ import annotations

from dataclasses import dataclass

TRAIN = "examples/llama-3.1-8b.yaml"
SERVE = "examples/llama-3.1-70b-serve.yaml"
# A finite batch of requests makes the cost of a request comparable; a service costs its devices, used or not.
BATCH = f"{SERVE} --set workload.kind=infer --set parallelism.tp=4"
_ALL = ("document-0", "document-1", "document-2", "document-3", "document-4")


@dataclass(frozen=True)
class Lever:
    """A way to save: where it is named, what it changes, how to ask (None if no command can), what is missing."""

    name: str
    documents: tuple[str, ...]
    changes: str
    what_if: str | None
    missing: str = ""


LEVERS: tuple[Lever, ...] = (
    Lever(
        "size and structure of the model",
        _ALL,
        "parameters, operations, bytes, memory",
        f"costmodel sweep {TRAIN} --over model=llama-3.2-1b,llama-3.2-3b,llama-3.1-8b",
        "Activation functions are not told apart beyond gated or plain.",
    ),
    Lever(
        "hardware",
        _ALL,
        "rates, memory, links, power and price of a device",
        f"costmodel sweep {TRAIN} --over hardware=a100-sxm-80gb,h100-sxm,b200",
    ),
    Lever(
        "heterogeneous hardware",
        ("document-3",),
        "which device does which part of the work",
        None,
        "A scenario has one kind of device; mixed fleets are not modelled yet.",
    ),
    Lever(
        "number of nodes",
        _ALL,
        "time, communication, where adding devices stops paying",
        f"costmodel sweep {TRAIN} --over devices=8,64,512",
    ),
    Lever(
        "data, model and hybrid parallelism",
        ("document-1", "document-2", "document-3", "document-4"),
        "step time, pipeline bubbles, collectives, memory of a device",
        f"costmodel sweep {TRAIN} --over parallelism.tp=1,2,4,8",
        "Stragglers and uneven loads beyond the stages of a pipeline are not modelled yet.",
    ),
    Lever(
        "optimization algorithm",
        ("document-0", "document-2", "document-3", "document-4"),
        "optimizer state, memory and bytes of a step",
        f"costmodel sweep {TRAIN} --over workload.optimizer=adamw,sgd-momentum,sgd",
        "Newton and quasi-Newton methods are not modelled, nor how many steps an algorithm needs to a target.",
    ),
    Lever(
        "batch size",
        ("document-1", "document-4"),
        "operations per step, number of steps, communication per token",
        f"costmodel sweep {TRAIN} --over workload.global_batch=128,512,2048",
        "Tokens stay as stated: what a larger batch costs in tokens to a target is not modelled yet.",
    ),
    Lever(
        "adaptive learning rate, batch normalisation",
        ("document-0", "document-3"),
        "steps to a target",
        None,
        "Both act on how fast the loss falls, which has no law here; state the tokens of each variant instead.",
    ),
    Lever(
        "mixed precision",
        ("document-3",),
        "rate of matrix products, memory, traffic",
        f"costmodel sweep {TRAIN} --over precision.compute=fp32,bf16,fp8",
    ),
    Lever(
        "quantisation",
        ("document-0", "document-1", "document-2", "document-3"),
        "bytes of weights and cache; rate where the device has the format",
        f"costmodel sweep {BATCH} --over precision.weights=bf16,fp8,int4",
        "The loss of quality is not modelled yet.",
    ),
    Lever(
        "pruning",
        ("document-0", "document-1", "document-2", "document-3"),
        "weights that leave the arithmetic (structured) or only the storage (unstructured)",
        None,
        "Whole layers, heads and width are pruned by compression: {method: prune, layers: 0.25}.",
    ),
    Lever(
        "distillation",
        ("document-1", "document-2", "document-3"),
        "the cost of training and of serving a student",
        None,
        "Comes with compression; until then the student is a model of its own, trained and served as two scenarios.",
    ),
    Lever(
        "data volume and preprocessing",
        ("document-1", "document-2", "document-3", "document-4"),
        "tokens to train on, storage",
        f"costmodel sweep {TRAIN} --over workload.tokens=1e11,1e12,1e13",
        "The input pipeline is taken to keep up; its own cost is not modelled yet.",
    ),
    Lever(
        "energy management",
        ("document-0", "document-2", "document-3"),
        "energy, carbon",
        f"costmodel sweep {TRAIN} --over costs.pue=1.1,1.3,1.6",
        "Sleep states are not modelled; idle power is.",
    ),
    Lever(
        "cloud or own hardware",
        ("document-0", "document-2"),
        "rent, or capital, electricity and hosting",
        f"costmodel sweep {TRAIN} --over costs.pricing=on-demand,reserved-3y,own",
    ),
    Lever(
        "team",
        ("document-2",),
        "staff cost and hours",
        f"costmodel sweep {TRAIN} --over costs.staff=none,academic,industry,frontier",
    ),
    Lever(
        "application",
        _ALL,
        "traffic, length of requests, model family",
        f"costmodel sweep {BATCH} --over workload.input_tokens=256,1024,8192",
        "Vision, speech and recommendation models and limits on latency come in later releases.",
    ),
)
