"""The levers that the documents name to save cost, each as a question that a command answers with numbers."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

FLAGS = ("model", "hardware", "devices", "workload")
TRAIN = {
    "model": "llama-3.1-8b",
    "hardware": "h100-sxm",
    "devices": "64",
    "workload": "train",
    "workload.tokens": "1e12",
}
# A finite batch of requests makes the cost of a request comparable; a service costs its devices, used or not.
BATCH = {
    "model": "llama-3.1-70b",
    "hardware": "h100-sxm",
    "devices": "4",
    "workload": "infer",
    "workload.requests": "1e6",
    "parallelism.tp": "4",
}
ONE_AT_A_TIME = {
    "model": "llama-3.2-3b",
    "hardware": "h100-sxm",
    "devices": "1",
    "workload": "infer",
    "engine.max_sequences": "1",
    "costs.pricing": "own",
}
# The shape of Llama 3.1 8B, written out so that its parts can be varied.
SHAPE = "{layers: 32, hidden: 4096, heads: 32, kv_heads: 8, head_dim: 128, ffn: 14336, vocab: 128256}"
PRUNED = "[{{method: prune, layers: {}, tokens: 10 B}}]"
DISTILLED = "[{{method: distil, student: {}, tokens: 100 B}}]"


@dataclass(frozen=True)
class Lever:
    """A way to save: where it is named, what it changes, and the question that answers what it saves.

    The question is a command, the values of its scenario by path, and the command's options by name (a tuple is an
    option given several times). `figure` is what the answer to a sweep is about; `note` what the numbers leave out.
    """

    id: str
    name: str
    documents: tuple[str, ...]
    changes: str
    command: str
    scenario: Mapping[str, str]
    options: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    figure: str = "cost_usd"
    note: str = ""

    @property
    def overrides(self) -> tuple[str, ...]:
        """The scenario as changes to an empty one."""
        return tuple(f"{path}={value}" for path, value in self.scenario.items())

    @property
    def line(self) -> str:
        """The question as it is typed."""
        words = ["costmodel", *self.command.split()]
        for path, value in self.scenario.items():
            words += [f"--{path}", value] if path in FLAGS else ["--set", f"{path}={value}"]
        for name, values in self.options.items():
            words += [word for v in ((values,) if isinstance(values, str) else values) for word in (f"--{name}", v)]
        return shlex.join(words)


def _documents(numbers: str) -> tuple[str, ...]:
    return tuple(f"document-{n}" for n in numbers)


LEVERS: tuple[Lever, ...] = (
    Lever(
        "model-size",
        "size of the model",
        _documents("01234"),
        "parameters, operations, bytes, memory",
        "sweep",
        TRAIN,
        {"over": "model=llama-3.2-1b,llama-3.2-3b,llama-3.1-8b"},
        note="A smaller model learns less; costmodel plan size weighs both.",
    ),
    Lever(
        "structure",
        "structure of the network: layers, width, activation",
        _documents("04"),
        "operations and weights of a layer, number of layers",
        "sweep",
        TRAIN | {"model": SHAPE},
        {"over": "model.gated=true,false"},
        note="Without its gate the MLP has two products instead of three; model.layers and model.ffn vary alike.",
    ),
    Lever(
        "hardware",
        "hardware",
        _documents("01234"),
        "rates, memory, links, power and price of a device",
        "sweep",
        TRAIN,
        {"over": "hardware=a100-sxm-80gb,h100-sxm,h200-sxm,b200-sxm"},
    ),
    Lever(
        "mixed-hardware",
        "heterogeneous hardware",
        _documents("3"),
        "which device does which part of the work",
        "plan fleet",
        TRAIN | {"devices": "32"},
        {"add": "a100-sxm-80gb=32"},
    ),
    Lever(
        "load-balance",
        "load balance",
        _documents("24"),
        "who waits for whom in a step",
        "plan fleet",
        TRAIN | {"devices": "56"},
        {"add": "h100-pcie=8"},
        note="One slow node among eight: with equal shares all wait for it.",
    ),
    Lever(
        "nodes",
        "number of nodes",
        _documents("01234"),
        "time, communication, where adding devices stops paying",
        "plan scale",
        TRAIN,
    ),
    Lever(
        "parallelism",
        "data, model and hybrid parallelism",
        _documents("1234"),
        "step time, pipeline bubbles, collectives, memory of a device",
        "sweep",
        TRAIN,
        {"over": "parallelism.tp=1,2,4,8"},
    ),
    Lever(
        "data-transfer",
        "data transfer between devices",
        _documents("124"),
        "collectives of data parallelism and of sharded weights",
        "sweep",
        TRAIN,
        {"over": "parallelism.zero=1,2,3"},
    ),
    Lever(
        "optimiser",
        "optimisation algorithm",
        _documents("0234"),
        "steps to a target",
        "plan optimiser",
        TRAIN,
        {"method": ("adamw", "muon", "shampoo", "sgd", "newton")},
        note="State and memory of Adam and SGD: costmodel sweep … --over workload.optimizer=adamw,sgd-momentum,sgd.",
    ),
    Lever(
        "learning-rate",
        "adaptive learning rate, batch normalisation",
        _documents("03"),
        "steps to a target",
        "plan optimiser",
        TRAIN,
        {"method": ("schedule-free-adamw", "nadamp", "batch-normalisation")},
        note="Batch normalisation: an image network (Inception) needed 14 times fewer steps with it (Ioffe and Szegedy "
        "2015); language models use layer norms, and no such pair of runs is published for them.",
    ),
    Lever(
        "batch-size",
        "batch size",
        _documents("14"),
        "operations per step, number of steps, communication per token, loss at the same tokens",
        "plan batch",
        TRAIN,
        note="Image, speech and recommendation models: costmodel plan benchmark resnet.",
    ),
    Lever(
        "mixed-precision",
        "mixed precision",
        _documents("3"),
        "rate of matrix products, memory, traffic",
        "sweep",
        TRAIN,
        {"over": "precision.compute=fp32,tf32,bf16,fp8"},
    ),
    Lever(
        "quantisation",
        "quantisation",
        _documents("0123"),
        "bytes of weights and cache; rate where the device has the format",
        "plan compress",
        BATCH,
        {"chain": ("none", "fp8", "int8", "int4")},
    ),
    Lever(
        "pruning",
        "pruning",
        _documents("0123"),
        "weights that leave the arithmetic (structured) or only the storage (unstructured)",
        "plan compress",
        BATCH,
        {"chain": ("none", PRUNED.format(0.1), PRUNED.format(0.25), "[{method: sparsify, share: 0.5}]")},
    ),
    Lever(
        "distillation",
        "distillation",
        _documents("123"),
        "the cost of training a student and of serving it",
        "plan compress",
        BATCH,
        {"chain": ("none", DISTILLED.format("llama-3.1-8b"), DISTILLED.format("llama-3.2-3b"))},
    ),
    Lever(
        "data-volume",
        "data volume",
        _documents("1234"),
        "tokens to train on, storage",
        "sweep",
        TRAIN,
        {"over": "workload.tokens=1e11,1e12,1e13"},
        note="Fewer tokens teach less; costmodel plan size weighs both.",
    ),
    Lever(
        "preprocessing",
        "data preprocessing",
        _documents("24"),
        "storage, reading and processor cores in front of the devices",
        "plan feed",
        TRAIN,
    ),
    Lever(
        "energy",
        "energy management",
        _documents("023"),
        "energy of the building",
        "sweep",
        TRAIN,
        {"over": "costs.pue=1.1,1.3,1.6"},
        figure="energy_j",
    ),
    Lever(
        "grid",
        "where the electricity comes from",
        _documents("23"),
        "carbon",
        "sweep",
        TRAIN,
        {"over": "costs.grid=SE,FR,US,PL"},
        figure="carbon_kg",
    ),
    Lever(
        "sleep",
        "sleep states",
        _documents("23"),
        "energy of devices that wait",
        "plan sleep",
        {"model": "llama-3.1-70b", "hardware": "h100-sxm", "devices": "4", "workload": "serve"}
        | {"precision": "fp8", "traffic.request_rate": "0.002 /s"},
    ),
    Lever(
        "low-power",
        "low-power devices",
        _documents("23"),
        "energy, price and speed of a request",
        "sweep",
        ONE_AT_A_TIME,
        {"over": "hardware=jetson-agx-orin-64gb,l4,rtx-4090,h100-sxm"},
        figure="energy_j",
        note="A thousand requests one after another; many at once (without engine.max_sequences) favour large devices.",
    ),
    Lever(
        "rent-or-buy",
        "cloud or own hardware",
        _documents("02"),
        "rent, or capital, electricity and hosting",
        "plan buy",
        TRAIN | {"hardware": "h200-sxm"},
        {"period": "3 years"},
    ),
    Lever(
        "team",
        "size of the team",
        _documents("2"),
        "staff cost and hours",
        "sweep",
        TRAIN | {"costs.staff": "{people: 4, rate: 200000 USD/year}"},
        {"over": "costs.staff.people=2,4,8,16"},
        note="People times rate times time: how much sooner more people would be done is not modelled.",
    ),
    Lever(
        "application",
        "application",
        _documents("0123"),
        "traffic, length of requests, model family",
        "sweep",
        BATCH,
        {"over": "workload.input_tokens=256,1024,8192"},
        note="examples/ has a scenario for each application that the articles name; the app offers them as examples.",
    ),
)
