"""What a user may write, what becomes of it, and that writing it back loses nothing."""

import io
import json
import sys
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from costmodel.architectures.hf_config import FAMILIES, ArchitectureError, shape
from costmodel.fields import Figure
from costmodel.loading import load, loads, to_yaml
from costmodel.scenario import Costs, Inference, ModelShape, Scenario, Serving, Training, as_tree, schema
from costmodel.source import ScenarioError
from costmodel.units import DAY, HOUR, YEAR

CONFIGS = Path(__file__).with_name("configs")
BASE = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "workload": "train"}
SHAPE = {"layers": 32, "hidden": 4096, "heads": 32, "kv_heads": 8, "ffn": 14336, "vocab": 128256}
DEVICE = {"memory": "80 GB", "memory_bandwidth": "3.35 TB/s", "peak": {"bf16": "989 TFLOP/s"}, "tdp": "700 W"}
FULL = {
    "model": {**SHAPE, "name": "größer", "gated": False, "tied": True, "norm": "layernorm", "position": "learned"},
    "hardware": {**DEVICE, "idle": "80 W", "link_bandwidth": "450 GB/s", "network_bandwidth": "50 GB/s"},
    "devices": 64,
    "workload": {"kind": "serve", "input_tokens": 2048, "output_tokens": 128, "period": "1 week"},
    "precision": {"compute": "bf16", "weights": "fp8", "kv_cache": "fp8"},
    "parallelism": {"tp": 2, "pp": 4, "dp": 8, "cp": 1, "vp": 2, "sequence_parallel": True},
    "engine": {"max_sequences": 256, "host_time": "3 ms"},
    "traffic": {"request_rate": "5 requests/s"},
    "costs": {
        "price": "2.5 USD/h",
        "pricing": "spot",
        "grid": "400 g/kWh",
        "pue": 1.15,
        "electricity": "0.1 USD/kWh",
        "staff": {"people": 2.5, "rate": "150000 USD/year"},
        "storage": "0.023 USD/GB-month",
        "checkpoints_kept": 5,
        "hardware_price": "30000 USD",
        "hardware_life": "5 years",
    },
    "profile": "h100-sxm-bf16",
    "ranges": False,
}


def test_four_keys_are_enough():
    scenario = load(BASE)
    assert (scenario.model, scenario.hardware, scenario.devices) == ("llama-3.1-8b", "h100-sxm", 64)
    assert scenario.workload == Training(kind="train")
    assert scenario.parallelism.tp is None
    assert scenario.costs == Costs()
    assert scenario.ranges is True


# path to set, what is written, attribute to read, SI value worked out by hand
@pytest.mark.parametrize(
    ("path", "written", "value"),
    [
        ("devices", "64", 64),
        ("devices", "1e3", 1000),
        ("devices", "1_024", 1024),
        ("devices", "1 k", 1000),
        ("workload.tokens", "1e12", 1_000_000_000_000),
        ("workload.tokens", "2 T", 2_000_000_000_000),
        ("workload.tokens", "15.5B", 15_500_000_000),
        ("workload.sequence", "8192", 8192),
        ("hardware.memory", "80 GB", 80e9),
        ("hardware.memory", "80GiB", 80 * 2**30),
        ("hardware.peak.bf16", "989 TFLOP/s", 989e12),
        ("hardware.peak.fp8", "1.979 PFLOP/s", 1.979e15),
        ("hardware.network_bandwidth", "400 Gbit/s", 50e9),
        ("costs.price", "2.5 USD/h", 2.5 / HOUR),
        ("costs.price", "$ 3.6/h", None),
        ("costs.price", "3.6 $/h", 0.001),
        ("costs.grid", "400 g/kWh", 0.4 / 3.6e6),
        ("costs.grid", "NO", "NO"),
        ("costs.grid", "us-ca", "us-ca"),
        ("costs.pue", "1.2", 1.2),
        ("costs.electricity", "0.1 USD/kWh", 0.1 / 3.6e6),
        ("costs.storage", "0.023 USD/GB-month", 0.023 / 1e9 / (YEAR / 12)),
        ("costs.staff", "academic", "academic"),
        ("costs.staff.rate", "150000 USD/year", 150000 / YEAR),
        ("costs.hardware_life", "5 years", 5 * YEAR),
        ("engine.host_time", "3 ms", 0.003),
        ("traffic.request_rate", "5 requests/s", 5.0),
        ("traffic.request_rate", "5 /s", 5.0),
        ("traffic.request_rate", "300 1/min", 5.0),
        ("traffic.utilisation", "50%", 0.5),
        ("traffic.utilisation", "1", 1.0),
        ("workload.period", "30 days", 30 * DAY),
        ("precision", "fp8", None),
        ("model.head_dim", "128", 128),
        ("ranges", "false", False),
        ("ranges", "True", True),
        ("profile", "null", None),
    ],
)
def test_notation(path, written, value):
    kind = "train" if path in ("workload.tokens", "workload.sequence") else "serve"
    base = BASE | {"workload": kind, "model": SHAPE, "hardware": DEVICE}
    if path == "costs.staff.rate":
        base |= {"costs": {"staff": {"people": 1, "rate": "1 USD/year"}}}
    if written == "$ 3.6/h":
        with pytest.raises(ScenarioError):
            load(base, [f"{path}={written}"])
        return
    found = load(base, [f"{path}={written}"])
    if written == "fp8":
        pytest.fail("fp8 has no peak here") if found else None
    for key in path.split("."):
        found = found[key] if isinstance(found, dict) else getattr(found, key)
    assert found == (pytest.approx(value, rel=1e-15) if isinstance(value, float) else value)
