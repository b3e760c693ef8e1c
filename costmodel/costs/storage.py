"""Storage: weights, data and checkpoints, in byte-months."""

from typing import Annotated

from costmodel.formula import formula
from costmodel.units import MONTH, Bytes, Count, Number, Seconds, Usd, UsdPerByteSecond


@formula(r"B_{w}", source="definition")
def weights_file_bytes(parameters: Count, weight_bytes: Bytes) -> Bytes:
    """Bytes of the finished model's file."""
    return parameters * weight_bytes


@formula(r"B_{ckpt}", source="luccioni-2023")
def checkpoint_bytes(parameters: Count, weight_bytes: Bytes, state_bytes: Bytes) -> Bytes:
    """Bytes of one training checkpoint: weights and optimizer state."""
    return parameters * (weight_bytes + state_bytes)


@formula(r"B_{keep}", source="definition")
def kept_bytes(count: Count, size: Bytes) -> Bytes:
    """Bytes of a number of equal files."""
    return count * size


@formula(r"B_{data}", source="definition")
def data_bytes(tokens: Count, bytes_per_token: Bytes) -> Bytes:
    """Bytes of the tokenised training data."""
    return tokens * bytes_per_token


@formula(r"t_{keep}", source="definition")
def kept_time(duration: Seconds, retention: Seconds) -> Seconds:
    """How long something is stored: during the run and for a stated time after it."""
    return duration + retention


@formula(r"S", source="definition")
def stored_byte_months(size: Bytes, kept: Seconds, month: Count = MONTH) -> Annotated[Number, "B*month"]:
    """Byte-months: bytes times the months for which they are kept."""
    return size * kept / month


@formula(r"C_{st}", source="definition")
def storage_cost(byte_months: Annotated[Number, "B*month"], price: UsdPerByteSecond, month: Count = MONTH) -> Usd:
    """Money for byte-months at a price per byte and time."""
    return byte_months * month * price
