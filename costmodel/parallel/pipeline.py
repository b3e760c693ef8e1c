"""Pipeline parallelism: stages, bubble, micro-batches in flight."""

from costmodel import ops
from costmodel.formula import formula
from costmodel.units import Bytes, Count, Seconds


@formula(r"d", source="narayanan-2021")
def data_parallel_size(devices: Count, tp: Count, pp: Count) -> Count:
    """Replicas of the model that train on different data."""
    return devices / (tp * pp)


@formula(r"m", source="narayanan-2021")
def micro_batches(global_batch: Count, data_parallel: Count, micro_batch: Count) -> Count:
    """Micro-batches that the busiest replica runs in one step."""
    return ops.ceil(global_batch / (data_parallel * micro_batch))


@formula(r"L_s", source="narayanan-2021")
def layers_per_stage(layers: Count, pp: Count) -> Count:
    """Layers of the fullest pipeline stage."""
    return ops.ceil(layers / pp)


@formula(r"h", source="narayanan-2021")
def ends_on_slowest_stage(layers: Count, pp: Count, per_layer: Seconds, ends: Seconds) -> Count:
    """1 if the stage with embedding and head is the slowest, 0 if a stage with one layer more is slower.

    Layers that do not divide evenly leave the ends a stage with one layer less.
    """
    return ops.where(ops.ceil(layers / pp) * per_layer > ops.floor(layers / pp) * per_layer + ends, 0.0, 1.0)


@formula(r"L_s", source="narayanan-2021")
def layers_on_slowest_stage(layers: Count, pp: Count, ends_here: Count) -> Count:
    """Layers of the slowest stage: the rounded-down share if embedding and head are there, else the rounded-up one."""
    return ops.where(ends_here >= 1, ops.floor(layers / pp), ops.ceil(layers / pp))


@formula(r"t_{stage}", source="narayanan-2021")
def stage_part(layers_here: Count, per_layer: Seconds, ends_here: Count, ends: Seconds) -> Seconds:
    """One kind of time on the slowest stage for one micro-batch."""
    return layers_here * per_layer + ends_here * ends


@formula(r"t_{work}", source="narayanan-2021")
def repeated(times: Count, duration: Seconds) -> Seconds:
    """A duration that recurs a number of times."""
    return times * duration


@formula(r"t_{bub}", source="narayanan-2021")
def bubble_time(stage: Seconds, pp: Count, vp: Count) -> Seconds:
    """Idle time while the pipeline fills and drains: (pp − 1)/vp stage times (§2.2.2, interleaved 1F1B)."""
    return (pp - 1) / vp * stage


@formula(r"n_{hop}", source="narayanan-2021")
def pipeline_hops(pp: Count, vp: Count) -> Count:
    """Transfers per micro-batch that a device waits for: forward and backward, for each of its model chunks."""
    return ops.where(pp > 1, 2.0 * vp, 0.0)


@formula(r"m_{fly}", source="narayanan-2021")
def micro_batches_in_flight(micro_batches: Count, pp: Count, vp: Count) -> Count:
    """Micro-batches whose activations the first stage holds at once under (interleaved) 1F1B."""
    return ops.minimum(micro_batches, pp * (1 + (pp - 1) / (pp * vp) * ops.where(vp > 1, 1.0, 0.0)))


@formula(r"M_{peak}", source="definition")
def on_fuller_stage(first_total: Bytes, last_total: Bytes, first_part: Bytes, last_part: Bytes) -> Bytes:
    """A part of the memory of that stage, first or last, which holds more in all."""
    return ops.where(first_total >= last_total, first_part, last_part)
