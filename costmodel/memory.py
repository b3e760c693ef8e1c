"""Bytes on a device: activations by recompute mode, room for the KV cache, what is left."""

from costmodel import ops
from costmodel.formula import formula
from costmodel.units import Bytes, Count, Fraction


@formula(r"A_L", source="korthikanti-2022")
def activation_bytes_per_layer(kept: Bytes, cheap: Bytes, boundary: Bytes, recompute: Count) -> Bytes:
    """Activations one layer keeps for the backward pass.

    Nothing recomputed: all. Selective: all but those that a memory-bound operator rebuilds (`cheap`). Full: only
    what the layer got from the one before.
    """
    return ops.where(recompute >= 2, boundary, ops.where(recompute >= 1, kept, kept + cheap))


@formula(r"A_{work}", source="korthikanti-2022")
def recompute_workspace(kept: Bytes, cheap: Bytes, recompute: Count) -> Bytes:
    """Room to rebuild one layer's activations in the backward pass."""
    return ops.where(recompute >= 2, kept + cheap, ops.where(recompute >= 1, cheap, 0.0))


@formula(r"A", source="korthikanti-2022")
def activation_bytes(layers_here: Count, per_layer: Bytes, in_flight: Count, workspace: Bytes) -> Bytes:
    """Activations of all layers of a stage for all micro-batches in flight."""
    return layers_here * per_layer * in_flight + workspace


@formula(r"M_{frag}", source="costmodel-prior")
def fragmentation_bytes(used: Bytes, share: Fraction) -> Bytes:
    """What the allocator loses on top of what is used."""
    return used * share


@formula(r"N_{loc}", source="definition")
def local_parameters(layers_here: Count, per_layer: Count, ends: Count) -> Count:
    """Parameters that a device of one pipeline stage holds."""
    return layers_here * per_layer + ends


@formula(r"M_{loc}", source="definition")
def local_bytes(layers_here: Count, per_layer: Bytes, ends: Bytes) -> Bytes:
    """Bytes of weights that a device of one pipeline stage holds."""
    return layers_here * per_layer + ends


@formula(r"M_{kv}", source="pope-2022")
def kv_cache_bytes(sequences: Count, tokens: Count, layers: Count, per_token: Bytes) -> Bytes:
    """KV cache of `sequences` with `tokens` each, over the layers that a device holds."""
    return sequences * tokens * layers * per_token


@formula(r"M_{enc}", source="radford-2022")
def encoder_cache_bytes(sequences: Count, layers: Count, per_sequence: Bytes) -> Bytes:
    """Keys and values that a decoder's layers keep of what an encoder put out, however many tokens follow."""
    return sequences * layers * per_sequence


@formula(r"B_{max}", source="pope-2022")
def sequences_that_fit(capacity: Bytes, used: Bytes, fragmentation: Fraction, kv_per_sequence: Bytes) -> Count:
    """Sequences whose KV cache fits beside everything else; below 1 when not even one does."""
    return ops.floor((capacity / (1 + fragmentation) - used) / kv_per_sequence)


@formula(r"M_{free}", source="definition")
def free_bytes(capacity: Bytes, used: Bytes) -> Bytes:
    """Memory left over; negative when it does not fit."""
    return capacity - used


@formula(r"N_{end}", source="narayanan-2021")
def end_parameters(own: Count, other: Count, pp: Count) -> Count:
    """Parameters at a stage's own end of the model, and at the other end too when there is but one stage."""
    return own + ops.where(pp > 1, 0.0, other)


@formula(r"M_{log}", source="narayanan-2021")
def end_bytes(own: Bytes, other: Bytes, pp: Count) -> Bytes:
    """Bytes at a stage's own end of the model, and at the other end too when there is but one stage."""
    return own + ops.where(pp > 1, 0.0, other)


@formula(r"B_{run}", source="definition")
def allowed_sequences(room: Count, limit: Count) -> Count:
    """Sequences that run at once: what memory holds, at most what the engine allows."""
    return ops.minimum(room, limit)
