"""Devices, number formats and servers: checked by hand against data sheets, lint, and look-up by any name."""

import pytest

from costmodel.catalog import CatalogError, formats, hardware, nodes, rows
from costmodel.catalog.table import names

DEVICES = [hardware.device(row["id"]) for row in rows("hardware")]


DENSE = {  # dense TFLOP/s of the vendors' data sheets: where one prints the sparse rate, half of it
    "v100-sxm2-32gb": {"fp16": 125, "fp32": 15.7},  # NVIDIA V100 data sheet
    "t4": {"fp16": 65, "int8": 130},  # T4 data sheet
    "a100-sxm-80gb": {"bf16": 312, "tf32": 156, "int8": 624, "fp64": 19.5},  # A100 data sheet
    "a10": {"bf16": 125, "int8": 250},  # A10 data sheet
    "h100-sxm": {"bf16": 989.4, "fp8": 1978.9, "tf32": 494.7},  # H100 data sheet prints 1,979 and 3,958 sparse
    "h100-pcie": {"bf16": 756.5, "fp8": 1513},  # 1,513 and 3,026 sparse
    "h20": {"bf16": 148, "fp8": 296},  # China export part
    "l4": {"bf16": 121, "fp8": 242},  # L4 data sheet: 242 and 485 sparse
    "l40s": {"bf16": 362, "fp8": 733},  # 362.05 | 733 and 733 | 1,466
    "b200-sxm": {"bf16": 2250, "fp8": 4500, "fp4": 9000},  # HGX B200: 36, 72, 144 PFLOP/s sparse of eight
    "gb200": {"bf16": 2500, "fp8": 5000, "fp4": 10000},  # superchip: 10, 20, 40 PFLOP/s sparse of two
    "rtx-4090": {"bf16": 165.2, "fp8": 330.3, "int8": 660.6},  # Ada white paper, fp32 accumulate
    "mi250x": {"bf16": 383, "fp64": 95.7},  # CDNA2 white paper
    "mi300x": {"bf16": 1307.4, "fp8": 2614.9, "fp64": 163.4},  # MI300X data sheet
    "tpu-v4": {"bf16": 275},  # Google Cloud TPU pages
    "tpu-v5e": {"bf16": 197, "int8": 394},
    "tpu-v5p": {"bf16": 459},
    "tpu-v6e": {"bf16": 918},
    "gaudi2": {"bf16": 432, "fp8": 865},  # Gaudi 2 data sheet
    "trainium2": {"bf16": 667, "fp8": 1299},  # AWS Neuron documentation
}
MEMORY = {  # marketed GB and GB/s
    "v100-sxm2-16gb": (16, 900),
    "a100-sxm-40gb": (40, 1555),
    "a100-sxm-80gb": (80, 2039),
    "h100-sxm": (80, 3350),
    "h100-pcie": (80, 2000),
    "h100-nvl": (94, 3938),
    "h200-sxm": (141, 4800),
    "mi300x": (192, 5300),
    "mi325x": (256, 6000),
    "rtx-4090": (24, 1010),
    "tpu-v5p": (95, 2765),
}


@pytest.mark.parametrize("name", DENSE)
def test_peaks_agree_with_the_data_sheet_and_are_dense(name):
    peaks = hardware.device(name).peaks
    assert {peak: peaks[peak] for peak in DENSE[name]} == pytest.approx(
        {peak: tera * 1e12 for peak, tera in DENSE[name].items()}, rel=0.005
    )


@pytest.mark.parametrize("name", MEMORY)
def test_memory_is_the_marketed_decimal_figure(name):
    device = hardware.device(name)
    assert (device.memory / 1e9, device.memory_bandwidth / 1e9) == pytest.approx(MEMORY[name], rel=1e-6)


def test_memory_of_cards_is_no_converted_gibibyte():
    cards = [d for d in DEVICES if d.vendor in ("NVIDIA", "AMD") and d.kind == "gpu"]
    assert [d.id for d in cards if d.memory % 1e9] == []


def test_no_peak_is_a_sparse_one():
    """Half the bits at most double the rate; GeForce halves 16 bits with fp32 accumulate, so int8 may have four times.

    Rubin (announced) and Trainium3 have more narrow units, a phone's int8 rate is that of another unit.
    """
    for device in DEVICES:
        peaks, sixteen = device.peaks, max(device.peaks.get("bf16", 0), device.peaks.get("fp16", 0))
        if not sixteen or device.form_factor == "phone SoC" or device.id in ("rubin-sxm", "trainium3"):
            continue
        assert peaks.get("fp8", 0) <= 2.2 * sixteen, device.id
        assert peaks.get("int8", 0) <= (4.2 if "RTX" in device.name else 2.2) * sixteen, device.id
        assert peaks.get("int4", 0) <= 2.2 * peaks.get("int8", 1e99), device.id
        assert peaks.get("fp4", 0) <= 4.2 * peaks.get("fp8", 1e99), device.id
        assert peaks.get("tf32", 0) <= 1.05 * sixteen, device.id


def test_nvlink_rates_are_per_direction():
    """NVIDIA prints both directions together: 300, 600, 900, 1,800 GB/s."""
    generation = {"NVLink 2": 150e9, "NVLink 3": 300e9, "NVLink 4": 450e9, "NVLink 5": 900e9}
    cut = {"a800-sxm-80gb": 200e9, "h800-sxm": 200e9}  # export parts: 400 GB/s both ways
    boards = [d for d in DEVICES if d.form_factor.startswith(("SXM", "superchip")) and d.link_type[:8] in generation]
    assert len(boards) > 15
    for device in boards:
        assert device.link_bandwidth == cut.get(device.id, generation[device.link_type[:8]]), device.id


def test_link_rates_of_other_fabrics():
    assert hardware.device("mi300x").link_bandwidth == 7 * 64e9  # seven peers
    assert hardware.device("gaudi2").link_bandwidth == pytest.approx(21 * 100e9 / 8)  # 21 ports inside the box
    assert hardware.device("tpu-v5p").link_bandwidth == 6 * 90e9  # six links of the torus


BANDS = {  # TDP (W), memory bandwidth (B/s), bytes per 16-bit FLOP (or fp32 where there is none)
    "gpu": ((60, 2400), (1.2e11, 2.4e13), (2e-3, 0.06)),
    "tpu": ((70, 1000), (3e10, 8e12), (1e-3, 0.02)),
    "npu": ((40, 1000), (5e10, 5e13), (5e-4, 0.2)),
    "apu": ((4, 800), (2e10, 6e12), (2e-3, 0.06)),
    "cpu": ((10, 520), (1.5e10, 9e11), (1e-3, 0.3)),
}


@pytest.mark.parametrize("device", DEVICES, ids=lambda d: d.id)
def test_device_is_plausible(device):
    power, bandwidth, intensity = BANDS[device.kind]
    assert power[0] <= device.tdp <= power[1]
    assert bandwidth[0] <= device.memory_bandwidth <= bandwidth[1]
    assert 2014 <= device.year <= 2026
    assert device.idle is None or device.idle < 0.75 * device.tdp
    assert device.scale_up_domain >= 1
    assert device.notes == device.notes.strip()
    if rate := max(device.peaks.get(f, 0) for f in ("fp32", "bf16", "fp16")):
        assert intensity[0] <= device.memory_bandwidth / rate <= intensity[1]
        efficiency = rate / device.tdp  # FLOP/J: no chip before 2017 passed 0.1 T, none in 2026 passes 4 T
        assert 5e9 <= efficiency <= (1e11 if device.year < 2017 else 4e12)


def test_newer_flagships_have_more_bandwidth():
    line = ["p100", "v100-sxm2-16gb", "a100-sxm-80gb", "h100-sxm", "h200-sxm", "b200-sxm"]
    values = [hardware.device(name).memory_bandwidth for name in line]
    assert values == sorted(values)


def test_every_name_leads_to_its_device():
    for row in rows("hardware"):
        for name in (row["id"], row["id"].upper().replace("-", " "), *names(row["aliases"])):
            assert hardware.device(name).id == row["id"], name


@pytest.mark.parametrize(
    ("name", "expected"),
    [  # what nvidia-smi prints
        ("NVIDIA H100 80GB HBM3", "h100-sxm"),
        ("NVIDIA A100-SXM4-40GB", "a100-sxm-40gb"),
        ("NVIDIA A100 80GB PCIe", "a100-pcie-80gb"),
        ("Tesla V100-SXM2-16GB", "v100-sxm2-16gb"),
        ("NVIDIA GeForce RTX 4090", "rtx-4090"),
        ("Tesla T4", "t4"),
        ("H100_SXM", "h100-sxm"),
    ],
)
def test_spellings(name, expected):
    assert hardware.device(name).id == expected


def test_an_ambiguous_name_lists_what_tells_the_products_apart():
    with pytest.raises(CatalogError, match=r"h100-sxm \(80 GB, SXM5\), h100-pcie \(80 GB, PCIe\)") as caught:
        hardware.device("H100")
    assert "h100-nvl" in caught.value.candidates
    assert "\n" not in str(caught.value)
    assert hardware.device("H100", representative=True).id == "h100-sxm"
    assert hardware.device("a100", representative=True).id == "a100-sxm-80gb"


def test_ambiguous_names_really_are():
    shared = {name for row in rows("hardware") for name in names(row["ambiguous_names"])}
    assert all(len(hardware.candidates(name)) > 1 for name in shared)


def test_unknown_hardware_names_the_nearest():
    with pytest.raises(CatalogError, match="rtx-4090") as caught:
        hardware.device("rtx-409")
    assert "rtx-4090" in caught.value.candidates
    with pytest.raises(CatalogError, match="'h100'"):
        hardware.device("h10o")


def test_peak_for_a_format():
    b200, h100, volta = (hardware.device(n) for n in ("b200-sxm", "h100-sxm", "v100-sxm2-16gb"))
    assert formats.peak(b200.peaks, "nvfp4") == formats.peak(b200.peaks, "mxfp4") == 9000e12
    assert formats.peak(h100.peaks, "mxfp8") == formats.peak(h100.peaks, "fp8") == 1978.9e12  # no unit of its own
    assert formats.peak(h100.peaks, "int4-awq") == 989.4e12  # weights widened to 16 bits
    assert formats.peak(volta.peaks, "bf16") is None


BITS = {  # each value's own bits, and its share of a scale
    "bf16": 16,
    "tf32": 32,
    "mxfp8": 8 + 8 / 32,
    "mxfp4": 4 + 8 / 32,
    "nvfp4": 4 + 8 / 16,
    "int8": 8,
    "int4": 4 + 16 / 128,
    "nf4": 4 + 32 / 64,
    "q4_0": 18 * 8 / 32,
    "q8_0": 34 * 8 / 32,
}


@pytest.mark.parametrize("name", BITS)
def test_format_bytes_include_shared_scales(name):
    assert formats.number_format(name).bytes == BITS[name] / 8


def test_formats_use_known_peaks():
    assert {peak for row in rows("formats") for peak in names(row["peaks"])} <= set(hardware.PEAKS)


# --- nodes


def test_nodes_stand_for_known_devices():
    ids = {d.id for d in DEVICES} | {nodes.ANY_PCIE}
    assert [row["id"] for row in rows("nodes") if row["accelerator"] not in ids] == []
    assert {row["kind"] for row in rows("nodes")} == set(nodes.KINDS)


def test_node_for_takes_the_vendors_server():
    h100 = nodes.node_for("h100-sxm")
    assert h100 is not None
    assert (h100.id, h100.devices, h100.system_power_max) == ("dgx-h100", 8, 10_200)
    assert h100.network_bandwidth == 400e9 / 8  # one ConnectX-7 of 400 Gb/s a device
    found = {name: nodes.node_for(name) for name in ("gb200", "rtx-4090", "a100-pcie-80gb", "tpu-v5e")}
    assert {n: node and node.devices for n, node in found.items()} == dict(zip(found, (72, 4, 8, 8), strict=True))
    assert nodes.node_for("m2-max") is None


def test_hosts_draw_more_than_their_devices():
    for row in rows("nodes"):
        if row["system_power_max_w"] and row["kind"] != "rack":
            tdp = hardware.device(row["accelerator"]).tdp
            assert int(row["devices"]) * tdp < float(row["system_power_max_w"]) < 4 * int(row["devices"]) * tdp + 600


def test_links_are_one_direction():
    # 7 links of 56 GB/s, 384 GB/s per chip (both ways); 4 links of 496 and of 656 Gb/s each way (Jouppi et al. 2020).
    expected = {"ascend-910b": 7 * 56 / 2, "trainium1": 384 / 2, "tpu-v2": 4 * 496 / 8, "tpu-v3": 4 * 656 / 8}
    for name, gigabytes in expected.items():
        assert hardware.device(name).link_bandwidth == gigabytes * 1e9, name
    limited = hardware.device("h100-sxm-96gb-500w")
    assert (limited.tdp, limited.memory_bandwidth, limited.scale_up_domain) == (500, 2.4e12, 8)
    assert nodes.node_for(limited.id).network_bandwidth == 50e9
