"""Counts and times of operators: values counted by hand, limits, and what must never happen."""

import numpy as np
import pytest

from costmodel.operators.attention import (
    attention_pairs,
    attention_time,
    decode_blocks,
    decode_time,
    prefill_blocks,
    sharing_rows,
    tiled_work,
    window_pairs,
)
from costmodel.operators.collective import hierarchical_time, ring_time
from costmodel.operators.convolution import convolution_bytes, convolution_depth, convolution_flops, convolved_size
from costmodel.operators.grouped_matmul import (
    expert_weights_bytes,
    fullest_rank_rows,
    grouped_matmul_flops,
    touched_experts,
)
from costmodel.operators.memory_bound import memory_bound_time
from costmodel.operators.optimizer import optimizer_time
from costmodel.operators.transfer import transfer_time


@pytest.mark.parametrize(("queries", "context", "window"), [(7, 0, 3), (7, 2, 3), (5, 10, 4), (6, 0, 100), (1, 9, 4)])
def test_window_pairs_are_those_of_a_mask(queries, context, window):
    seen = [min(context + i + 1, window) for i in range(queries)]
    assert window_pairs(3, queries, context, window) == pytest.approx(3 * sum(seen))


def test_a_window_longer_than_everything_is_none():
    assert window_pairs(2, 9, 4, 1e9) == pytest.approx(attention_pairs(2, 9, 4))


def test_tiles_on_the_diagonal_are_computed_whole():
    # 256 queries in tiles of 128: two diagonal tiles of 128 × 128, and one full tile below them
    assert tiled_work(attention_pairs(1, 256, 0), 256, 256, 256, 128, 16) == pytest.approx(3 * 128 * 128, rel=0.01)
    # in tiles of 512, as PyTorch's kernel for CPUs takes them, nothing is left out
    assert tiled_work(attention_pairs(1, 256, 0), 256, 256, 256, 512, 1) == 256 * 256
    assert tiled_work(41.0, 1.0, 1, 16, 128, 16) == 41


def test_single_tokens_pad_the_rows_of_a_tile():
    assert sharing_rows(1, 32, 8) == 4
    assert tiled_work(7.0, 0.0, 1, 4, 128, 16) == 4 * 7  # 4 queries share a KV head, the tile has 16 rows
    assert tiled_work(7.0, 0.0, 1, 64, 128, 16) == 7
    assert tiled_work(7.0, 0.0, 1, 1, 512, 1) == 7  # a core takes rows as they come


def test_blocks():
    assert prefill_blocks(2, 129, 8) == 2 * 8 * 2
    assert decode_blocks(64, 8) == 512


def test_attention_is_its_launch_when_there_is_little_to_do():
    rates = {"peak": 1e15, "bandwidth": 3e12, "multiprocessors": 132.0}
    constants = {"compute_efficiency": 0.7, "bandwidth_efficiency": 0.8, "launch": 1e-5}
    law = rates | constants | {"step_per_key": 1e-9, "time_per_block": 1e-6}
    assert attention_time(0.0, 0.0, 1.0, 132.0, **law) == pytest.approx(1.0001e-5)
    assert attention_time(0.0, 0.0, 1.0, 264.0, **law) == pytest.approx(1.1001e-5)  # a second round of blocks


def test_single_tokens_hide_the_shorter_of_computing_and_moving():
    rates = {"peak": 1e15, "bandwidth": 4e12, "multiprocessors": 132.0, "blocks": 132.0}
    constants = {"compute_efficiency": 0.5, "bandwidth_efficiency": 0.5, "launch": 1e-5}
    law = rates | constants | {"step_per_key": 2e-9, "time_per_block": 1e-6}
    assert decode_time(0.0, 2e9, 1000.0, **law) == pytest.approx(1e-5 + 1e-3 + 2e-6)
    assert decode_time(4e11, 2e9, 1000.0, **law) == pytest.approx(1e-5 + 1e-3 + 2e-6)
    both = decode_time(4e11, 2e9, 1000.0, **law, overlap=0.0)
    assert both == pytest.approx(1e-5 + 1e-3 + 8e-4 + 2e-6)  # on a core nothing hides
    assert decode_time(0.0, 0.0, 4000.0, **law) == pytest.approx(1e-5 + 2 * 2e-6)  # twice for four times as many keys


def test_experts_touched():
    assert touched_experts(256, 8, 1, 1) == pytest.approx(8)
    assert touched_experts(256, 8, 1e6, 32) == pytest.approx(8)  # all of a rank's
    # two tokens with 1 of 2 experts each: the same in half of the cases
    assert touched_experts(2, 1, 2, 1) == pytest.approx(1.5)


def test_experts_work():
    # Mixtral 8x7B (arXiv:2401.04088): one token, two experts of three 4096 × 14336 matrices
    assert grouped_matmul_flops(fullest_rank_rows(1, 2, 1, 1.3), 4096, 14336, 3) == 2 * 2 * 3 * 4096 * 14336
    assert expert_weights_bytes(8, 4096, 14336, 3, 2.0) == pytest.approx(2.818e9, rel=1e-3)
    assert fullest_rank_rows(1024, 2, 4, 1.3) == pytest.approx(1.3 * 512)


def test_memory_bound_operators_reach_more_in_the_cache():
    law = {"bandwidth": 1e12, "cache": 50e6, "bandwidth_efficiency": 0.5, "launch": 2e-6, "cache_speedup": 3.0}
    law |= {"step_per_column": 1e-9, "depth": 100.0}
    assert memory_bound_time(1.0, 5e9, **law) == pytest.approx(2e-6 + 1e-2, rel=1e-3)
    assert memory_bound_time(1.0, 5e5, **law) == pytest.approx(2e-6 + 1e-6 / 3, rel=1e-3)
    assert memory_bound_time(2.0, 1e6, **law) == pytest.approx(2 * memory_bound_time(1.0, 5e5, **law))


def test_few_wide_rows_take_the_walk_along_one_row():
    # SwiGLU of one token on an A100, 2,752 to 28,672 columns: 3 to 23 µs (Vidur's profiles), .77 ns a column
    law = {"bandwidth": 2.04e12, "cache": 40e6, "bandwidth_efficiency": 0.5, "launch": 1e-6, "cache_speedup": 1.0}
    law |= {"calls": 1.0, "step_per_column": 7.7e-10}
    assert memory_bound_time(traffic=6 * 28672.0, depth=28672.0, **law) == pytest.approx(23e-6, rel=0.02)
    assert memory_bound_time(traffic=6 * 2752.0, depth=2752.0, **law) == pytest.approx(3e-6, rel=0.05)
    assert memory_bound_time(traffic=6 * 28672.0 * 4096, depth=28672.0, **law) == pytest.approx(692e-6, rel=0.01)


def test_an_optimizer_pays_for_tensors_and_for_bytes():
    law = {"bandwidth": 1e12, "cache": 50e6, "bandwidth_efficiency": 0.8, "cache_speedup": 1.0}
    assert optimizer_time(100.0, 8e9, launch=1e-6, **law) == pytest.approx(1e-4 + 1e-2)


def test_transfers():
    assert transfer_time(1e9, 2e9, 1e-5) == pytest.approx(0.50001)


LINK = {
    "bandwidth": 450e9,
    "bandwidth_efficiency": 0.8,
    "latency": 7e-6,
    "latency_per_rank": 1e-6,
    "overlap_power": 0.6,
}


def test_a_collective_of_one_costs_nothing():
    assert ring_time(1e9, 1.0, 2, **LINK) == 0
    assert hierarchical_time(1e9, 1.0, 1.0, 2, 450e9, 50e9, 1.0, 2e-5, 1e-4, 0.5) == 0


def test_collectives_end_in_latency_and_in_bandwidth():
    assert ring_time(0.0, 8.0, 2, **LINK) == pytest.approx(7e-6 + 6e-6)
    assert ring_time(1e15, 8.0, 2, **LINK) == pytest.approx(2 * 7 / 8 * 1e15 / 360e9, rel=1e-2)


def test_across_domains_the_slower_level_counts():
    def time(network):
        return hierarchical_time(8e12, 16.0, 8.0, 2, 450e9, network, 1.0, 0.0, 0.0, 1.0)

    assert time(25e9) == pytest.approx(2 * 0.5 * 8e12 / 200e9)  # half of it leaves each of two nodes by eight ports
    assert time(1e15) == pytest.approx(2 * 7 / 8 * 8e12 / 450e9)


def test_collectives_grow_with_ranks_and_bytes():
    ranks, payload = np.meshgrid([2.0, 4.0, 8.0], [8.0, 1e4, 1e6, 1e9])
    times = ring_time(payload, ranks, 2, **LINK)
    assert (np.diff(times, axis=0) > 0).all()
    assert (np.diff(times, axis=1) > 0).all()


def test_convolution_counts_of_resnet_50s_first_layer():
    # He et al. 2016 (arXiv:1512.03385): 7 × 7, stride 2, 3 → 64 channels, 224 → 112: 118 million multiply-adds
    size, depth = convolved_size(224, 7, 2, 3), convolution_depth(3, 7, 1)
    assert (size, depth) == (112, 147)
    assert convolution_flops(1, 64, size, depth) == pytest.approx(2 * 118.01e6, rel=1e-3)
    assert convolution_bytes(1, 3, 224, 64, size, depth, 2, 2) == 2 * (3 * 224**2 + 64 * 112**2 + 64 * 147)
