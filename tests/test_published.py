"""Published tables become records; rows that would mislead a fit do not."""

import csv
from pathlib import Path

import pytest

from costmodel.calibration import published, records
from costmodel.calibration.laws.matmul import NARROW, PLAIN

HEADS = {
    "gemm": "device,library,version,dtype,m,n,k,time_us,power_w,source",
    "attention": "device,library,version,phase,kind,dtype,kv_dtype,batch,seq_len,context,heads,kv_heads,head_dim,"
    "window,time_us,power_w,source",
    "moe": "device,library,version,dtype,tokens,hidden,intermediate,topk,experts,tp,ep,distribution,time_us,power_w,"
    "source",
    "comm": "device,library,version,op,dtype,devices,nodes,bytes,time_us,source",
    "other": "device,library,version,op,shape,dtype,bytes,flops,time_us,source",
}
ROWS = {
    "gemm": [
        "h100-sxm,trtllm/torch_flow,1.3.0,fp8,129,512,2048,9.0204,350,aic:h100_sxm",
        "h100-sxm,trtllm/torch_flow,1.3.0,bf16,4096,8192,8192,800.5,690,aic:h100_sxm",
        "h100-sxm,vllm/x,0.22.0,fp8_block,1,512,2048,120,,aic:h100_sxm",
        "no-such-device,trtllm/torch_flow,1.3.0,bf16,1,2,3,4,,aic:x",
        "h100-sxm,torch.matmul(best shape),2.7,bf16,1,2,3,4,,ml-engineering",
    ],
    "attention": [
        "h100-sxm,sglang/fa3,0.5,prefill,gqa,bf16,bf16,4,1024,0,32,8,128,0,50,,aic:h100_sxm",
        "h100-sxm,sglang/fa3,0.5,decode,gqa,bf16,bf16,4,1,127,32,8,128,0,9,,aic:h100_sxm",
    ],
    "moe": ["h100-sxm,trtllm/x,1,fp8,16,4096,14336,2,8,1,1,balanced,500,,aic:h100_sxm"],
    "comm": [
        "h100-sxm,nccl,2.27,all_gather,fp16,8,1,4096,9,aic:h100_sxm",
        "h100-sxm,nccl,2.27,moe_dispatch x=1,fp16,8,1,,9,aic:h100_sxm",
    ],
    "other": [
        'h100-sxm,torch/x,1,norm,"tokens=8,hidden=4096",fp16,131072,,3,vidur:h100',
        'h100-sxm,torch/x,1,sort,"dim=8",fp16,,,3,vidur:h100',
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for table, rows in ROWS.items():
        (tmp_path / f"kernels_{table}.csv").write_text("\n".join([HEADS[table], *rows]) + "\n", encoding="utf-8")
        assert all(len(r) == len(HEADS[table].split(",")) for r in csv.reader(rows))
    return tmp_path


def test_rows_become_records(folder: Path):
    found, dropped = published.records(folder)
    assert len(found) == 7
    assert sum(dropped.values()) == 5
    fp8, bf16, prefill, decode, experts, gather, norm = found
    assert fp8["shape"] == {"m": 129, "k": 2048, "n": 512, "quantize": "dynamic"}
    assert fp8["time_s"] == pytest.approx(9.0204e-6)
    assert "watts" not in fp8  # shorter than a sample of the power meter
    assert bf16["watts"] == 690
    assert bf16["environment"]["versions"] == {"trtllm": "1.3.0"}
    assert (prefill["shape"]["length"], prefill["shape"]["context"]) == (1024, 1024)
    assert (decode["shape"]["length"], decode["shape"]["context"]) == (1, 128)  # keys, the new one included
    assert experts["kind"] == "grouped_matmul"
    assert gather["shape"]["bytes"] == 512  # of each process; published is the whole output
    assert norm["bytes"] == 131072


def test_records_survive_the_shipped_format(folder: Path, tmp_path: Path):
    found, _ = published.records(folder)
    path = tmp_path / "evidence.jsonl.gz"
    records.write(path, found)
    assert records.read(path) == found


def test_an_id_is_the_hash_of_the_identifying_fields(folder: Path):
    import hashlib

    found, _ = published.records(folder)
    text = "h100-sxm|trtllm/torch_flow|1.3.0|bf16|4096|8192|8192"
    assert found[1]["id"] == hashlib.md5(text.encode()).hexdigest()[:8]


def test_laws_read_the_records_of_their_formats(folder: Path):
    found, _ = published.records(folder)
    assert [PLAIN.group(r) for r in found] == [None, "matmul:16bit", None, None, None, None, None]
    assert [NARROW.group(r) for r in found] == ["matmul:8bit", None, None, None, None, None, None]


def test_shipped_evidence_is_small():
    assert sum(path.stat().st_size for path in records.EVIDENCE.glob("*.jsonl.gz")) < 4e6
