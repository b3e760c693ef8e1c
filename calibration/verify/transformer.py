"""One transformer for GPT, BERT and ViT: embedding, equal blocks with norms first, norm and head."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as f

Cache = tuple[torch.Tensor, torch.Tensor]


class Block(nn.Module):
    """Attention and MLP, each behind a norm and beside a residual."""

    def __init__(self, hidden: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.attention_norm, self.mlp_norm = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.qkv, self.output = nn.Linear(hidden, 3 * hidden), nn.Linear(hidden, hidden)
        self.up, self.down = nn.Linear(hidden, 4 * hidden), nn.Linear(4 * hidden, hidden)

    def forward(self, x: torch.Tensor, cache: Cache | None = None, at: int = 0) -> torch.Tensor:
        """What comes out for x; keys and values are written to the cache from position `at` on."""
        batch, tokens, hidden = x.shape
        split = self.qkv(self.attention_norm(x)).view(batch, tokens, 3, self.heads, hidden // self.heads)
        q, k, v = split.permute(2, 0, 3, 1, 4).unbind(0)
        if cache is not None:
            keys, values = cache
            keys[:, :, at : at + tokens], values[:, :, at : at + tokens] = k, v
            k, v = keys[:, :, : at + tokens], values[:, :, : at + tokens]
        attended = f.scaled_dot_product_attention(q, k, v, is_causal=self.causal and tokens > 1)
        x = x + self.output(attended.transpose(1, 2).reshape(batch, tokens, hidden))
        added: torch.Tensor = self.down(f.gelu(self.up(self.mlp_norm(x))))
        return x + added


class Transformer(nn.Module):
    """Tokens (or image patches, where `patch` is given) in; logits out, of every position or of the first alone."""

    def __init__(
        self,
        layers: int,
        hidden: int,
        heads: int,
        length: int,
        inputs: int,
        classes: int,
        causal: bool,
        patch: int = 0,
        every: bool = True,
    ) -> None:
        super().__init__()
        self.every, self.patch, self.heads = every, patch, heads
        self.tokens: nn.Module = nn.Conv2d(inputs, hidden, patch, patch) if patch else nn.Embedding(inputs, hidden)
        self.positions = nn.Embedding(length, hidden)
        self.blocks = nn.ModuleList(Block(hidden, heads, causal) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(hidden), nn.Linear(hidden, classes, bias=False)
        self.register_buffer("order", torch.arange(length))

    def forward(self, x: torch.Tensor, caches: list[Cache] | None = None, at: int = 0) -> torch.Tensor:
        """Logits of `x`, which follows `at` positions that are in the caches."""
        y = self.tokens(x)
        y = y.flatten(2).transpose(1, 2) if self.patch else y
        order: Any = self.order
        y = y + self.positions(order[at : at + y.shape[1]])
        for number, block in enumerate(self.blocks):
            y = block(y, caches[number] if caches else None, at)
        y = self.norm(y)
        return self.head(y if self.every else y[:, 0])

    def empty_caches(self, sequences: int, length: int) -> list[Cache]:
        """Room for the keys and values of so many sequences of that length."""
        weight = self.norm.weight
        shape = (sequences, self.heads, length, weight.shape[0] // self.heads)
        return [(weight.new_zeros(shape), weight.new_zeros(shape)) for _ in self.blocks]
