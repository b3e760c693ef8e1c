"""Encoder-decoders of speech (Whisper, Radford et al. 2022): windows of 30 s in, tokens out.

The encoder runs once over the frames of a window. The decoder is a dense decoder whose layers look at the encoder's
output too; the keys and values that they need of it are made once and kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from costmodel.architectures import dense_decoder
from costmodel.architectures.transformer import (
    ElementBytes,
    Pass,
    added,
    attend,
    layer,
    norm,
    pass_tokens,
    plain_block,
    product,
    saved_bytes,
)
from costmodel.formula import formula
from costmodel.operators.attention import full_pairs, kv_bytes_per_token
from costmodel.operators.memory_bound import residual_bytes
from costmodel.program import Operator, Program, repeated
from costmodel.trace import constant
from costmodel.units import Bytes, Count, Number


@dataclass(frozen=True, slots=True)
class Shape:
    """Shape parameters; `frames` of a window reach the encoder's layers, twice as many, of `mels` bins, come in."""

    encoder_layers: Count
    decoder_layers: Count
    hidden: Count
    heads: Count
    ffn: Count
    vocab: Count
    mels: Count
    frames: Count
    max_sequence: Count


@formula(r"n_{mel}", source="radford-2022")
def mel_frames(frames: Count) -> Count:
    """Frames of a window before the second convolution, which halves them."""
    return 2 * frames


@formula(r"k_{conv}", source="radford-2022")
def neighbourhood(values: Count, kernel: Count = 3.0) -> Count:
    """Numbers that a convolution along time sees: those of three neighbouring frames."""
    return kernel * values


@formula(r"b_{qkv}", source="radford-2022")
def biased_share(biased: Count, projections: Count) -> Count:
    """Share of projections side by side that have a bias: queries and values have one, keys have none."""
    return biased / projections


@formula(r"n_{kv}", source="vaswani-2017")
def key_value_width(hidden: Count) -> Count:
    """Columns of the projections to keys and values."""
    return 2 * hidden


@formula(r"N_{pos}", source="radford-2022")
def sinusoid_parameters(frames: Count, hidden: Count) -> Count:
    """Numbers in the encoder's table of positions, which is stored with the weights though nothing trains it."""
    return frames * hidden


@formula(r"M_{win}", source="radford-2022")
def window_cache_bytes(frames: Count, per_frame: Bytes) -> Bytes:
    """Bytes of a window's keys and values in one layer of the decoder."""
    return frames * per_frame


@formula(r"B_{cross}", source="dao-2022")
def cross_attention_bytes(
    sequences: Count, queries: Count, keys: Count, width: Count, activation_bytes: Bytes, kv: Bytes
) -> Bytes:
    """Least traffic of attention to another sequence: queries in, outputs out, its keys and values once."""
    return sequences * (2 * queries * width * activation_bytes + keys * kv)


def program(shape: Shape, run: Pass, size: ElementBytes, shards: Number, sequence_shards: Number) -> Program:
    """The operators of a pass over `run.sequences` windows; nothing is shared out among devices.

    In decoding that is the decoder on a token each. Else it is the encoder, and the decoder on `run.queries` tokens.
    """
    decoder = dense_decoder.program(_decoder(shape), run, size, shards, sequence_shards)
    cross = _cross(shape, run, size)
    cached = window_cache_bytes(shape.frames, _kv(shape, size))
    if run.decode:
        return replace(decoder, layer=(*decoder.layer, *cross), kv_per_sequence=cached)
    listening = (_keys_and_values(shape, run, size), *cross)
    first = (*_encoder(shape, run, size), *decoder.first)
    return replace(decoder, layer=(*decoder.layer, *listening), first=first, kv_per_sequence=cached)


def _kv(shape: Shape, size: ElementBytes) -> Number:
    return kv_bytes_per_token(shape.heads, plain_block(shape.hidden, shape.heads, shape.ffn).head_dim, size.kv)


def _decoder(shape: Shape) -> dense_decoder.Shape:
    """The decoder without its view of the encoder."""
    yes, no = constant(1.0, "yes", "as in GPT-2"), constant(0.0, "no", "as in GPT-2")
    two = constant(2.0, "two", "norms in a layer; vectors of a norm")
    return dense_decoder.Shape(
        layers=shape.decoder_layers,
        hidden=shape.hidden,
        heads=shape.heads,
        kv_heads=shape.heads,
        head_dim=plain_block(shape.hidden, shape.heads, shape.ffn).head_dim,
        ffn=shape.ffn,
        vocab=shape.vocab,
        max_sequence=shape.max_sequence,
        gated=no,
        tied=yes,
        qkv_bias=_without_keys(3.0),
        output_bias=yes,
        mlp_bias=yes,
        head_bias=no,
        qk_norm=no,
        norm_vectors=two,
        layer_norms=two,
        embedding_norm=no,
        learned_positions=shape.max_sequence,
    )


def _without_keys(projections: float) -> Number:
    biased = constant(projections - 1, "biased", "projections that have a bias")
    return biased_share(biased, constant(projections, "projections", "side by side, keys among them"))


def _encoder(shape: Shape, run: Pass, size: ElementBytes) -> tuple[Operator, ...]:
    """Two convolutions, positions, layers in which every frame sees every other, a norm."""
    one, yes = constant(1.0, "shards", "not shared out"), constant(1.0, "bias", "with a bias")
    inner = Pass(run.sequences, shape.frames, constant(0.0, "context", "a window stands alone"), one)
    rows = pass_tokens(run.sequences, shape.frames)
    mels, wide = neighbourhood(shape.mels), neighbourhood(shape.hidden)
    before = pass_tokens(run.sequences, mel_frames(shape.frames))
    kept = saved_bytes(before, shape.hidden, size.activation)
    block = replace(plain_block(shape.hidden, shape.heads, shape.ffn), qkv_bias=_without_keys(3.0))
    table = sinusoid_parameters(shape.frames, shape.hidden)
    layers = repeated(shape.encoder_layers, layer(block, inner, size, one, one, masked=False))
    return (
        product("convolution 1", before, shape.hidden, mels, yes, size, kept),
        product("convolution 2", rows, shape.hidden, wide, yes, size, kept),
        added("sounds' positions", table, rows, shape.hidden, size),
        *(replace(o, name=f"encoder {o.name}") for o in layers),
        norm("encoder norm", rows, shape.hidden, size),
    )


def _keys_and_values(shape: Shape, run: Pass, size: ElementBytes) -> Operator:
    """What a layer of the decoder makes of the encoder's output, once for each window."""
    rows = pass_tokens(run.sequences, shape.frames)
    kept = saved_bytes(rows, key_value_width(shape.hidden), size.activation)
    return product(
        "cross keys and values", rows, key_value_width(shape.hidden), shape.hidden, _without_keys(2.0), size, kept
    )


def _cross(shape: Shape, run: Pass, size: ElementBytes) -> tuple[Operator, ...]:
    """A decoder layer's view of the encoder's output: norm, queries, attention, output, sum."""
    tokens, yes = pass_tokens(run.sequences, run.queries), constant(1.0, "bias", "with a bias")
    block, kept = plain_block(shape.hidden, shape.heads, shape.ffn), saved_bytes(tokens, shape.hidden, size.activation)
    pairs = full_pairs(run.sequences, run.queries, shape.frames)
    traffic = cross_attention_bytes(
        run.sequences, run.queries, shape.frames, shape.hidden, size.activation, _kv(shape, size)
    )
    residual = Operator(
        "cross residual", "memory_bound", "elementwise", traffic=residual_bytes(tokens, shape.hidden, size.activation)
    )
    return (
        norm("cross norm", tokens, shape.hidden, size),
        product("cross queries", tokens, shape.hidden, shape.hidden, yes, size, kept),
        attend("cross attention", block, run, shape.heads, shape.heads, pairs, traffic, shape.frames, kept, False),
        product("cross output", tokens, shape.hidden, shape.hidden, yes, size, kept, cheap=False),
        residual,
    )
