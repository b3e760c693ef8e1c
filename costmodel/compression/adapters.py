"""Low-rank adapters (Hu et al. 2021): two thin products beside each product of the layers, all else frozen.

Products that run as one (queries, keys and values; gate and up) share an adapter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from costmodel.architectures.transformer import saved_bytes
from costmodel.compression.formulas import product_columns
from costmodel.operators.matmul import matmul_bytes, matmul_flops, matrix_bytes, parameter_count_matmul
from costmodel.program import Operator, Program
from costmodel.trace import constant
from costmodel.units import Number


def adapted(program: Program, tokens: Number, rank: Number, element: Number) -> Program:
    """The program with adapters of a rank, in which all that was there is frozen.

    `tokens` go through at once; `element` is the bytes of an activation and of an adapter's weight.
    """
    products = [o for o in program.layer if o.kind == "matmul"]
    added = tuple(part for o in products for part in _adapter(o, tokens, rank, element))
    layer, first, last = (tuple(replace(o, frozen=True) for o in part) for part in program.parts)
    return replace(program, layer=layer + added, first=first, last=last)


def _adapter(product: Operator, tokens: Number, rank: Number, element: Number) -> Iterator[Operator]:
    """From the product's input down to the rank, and up to its output."""
    columns = product_columns(product.outputs, product.inputs, product.depth)
    none = constant(0.0, "bias", "adapters have none")
    for name, n, k in (("down", rank, product.depth), ("up", columns, rank)):
        made = Operator(
            f"{product.name} adapter {name}",
            "matmul",
            parameters=parameter_count_matmul(n, k, none),
            flops=matmul_flops(tokens, n, k),
            traffic=matmul_bytes(tokens, n, k, element, element),
            inputs=matrix_bytes(tokens, k, element),
            outputs=matrix_bytes(tokens, n, element),
            depth=k,
            high_precision=True,
        )
        # what goes down is kept for the product's own sake already
        yield replace(made, saved=saved_bytes(tokens, rank, element)) if name == "up" else made
