"""From a step to a run: steps, checkpoints, failures, device time."""

from costmodel import ops
from costmodel.formula import formula
from costmodel.units import HOUR, Bytes, BytesPerSecond, Count, Flop, Fraction, Seconds


@formula(r"t_{run}", source="definition")
def run_time(steps: Count, step: Seconds) -> Seconds:
    """Time of a number of equal steps."""
    return steps * step


@formula(r"F_{run}", source="definition")
def run_flops(steps: Count, per_step: Flop) -> Flop:
    """Model FLOPs of a whole run."""
    return steps * per_step


@formula(r"t_{dev}", source="definition")
def device_time(devices: Count, duration: Seconds) -> Seconds:
    """Device-seconds: all devices for the whole duration."""
    return devices * duration


@formula(r"\beta_{write}", source="llama3-2024")
def checkpoint_bandwidth(per_device: BytesPerSecond, devices: Count, least: BytesPerSecond) -> BytesPerSecond:
    """Bandwidth at which a cluster writes a checkpoint: storage grows with the devices that it is bought for.

    Of 16,384 H100 each had 122 MB/s of Tectonic's sustained 2 TB/s, of BLOOM's 384 A100 150 MB/s. Few devices write at
    the `least` that the storage of any cluster gives.
    """
    return ops.maximum(per_device * devices, least)


@formula(r"t_{write}", source="young-1974")
def checkpoint_write_time(checkpoint: Bytes, bandwidth: BytesPerSecond) -> Seconds:
    """Time to write one checkpoint."""
    return checkpoint / bandwidth


@formula(r"\theta_1", source="definition")
def mean_time_between_failures(failures_per_hour: Count, hour: Seconds = HOUR) -> Seconds:
    """Mean time between failures of one device that fails so often per hour of running."""
    return hour / failures_per_hour


@formula(r"\theta", source="daly-2006")
def cluster_mtbf(device_mtbf: Seconds, devices: Count) -> Seconds:
    """Mean time between failures of a cluster in which any device's failure stops the job."""
    return device_mtbf / devices


@formula(r"\tau", source="young-1974")
def checkpoint_interval(write: Seconds, mtbf: Seconds) -> Seconds:
    """Interval between checkpoints that loses the least time (Young's first-order optimum)."""
    return ops.sqrt(2 * write * mtbf)


@formula(r"\eta", source="daly-2006")
def goodput(write: Seconds, interval: Seconds, restart: Seconds, mtbf: Seconds) -> Fraction:
    """Share of time that is progress: without writing checkpoints, redoing lost work and restarting."""
    return 1 / (1 + write / interval + (interval / 2 + restart) / mtbf)


@formula(r"t_{lost}", source="daly-2006")
def lost_time(productive: Seconds, goodput: Fraction) -> Seconds:
    """Time lost to checkpoints, failures and restarts beside the productive time."""
    return productive * (1 / goodput - 1)
