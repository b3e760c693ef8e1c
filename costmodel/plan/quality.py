"""Loss of a size after so many tokens, and the tokens it needs for a loss: data new or repeated, served whole or
quantised, for one size or an array of them, with one set of constants or an array of draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from costmodel.plan.formulas import (
    epochs,
    generation_at,
    loss_left,
    served_loss,
    tokens_of_worth,
    tokens_per_parameter,
)
from costmodel.quality import quantisation, scaling
from costmodel.quality.evidence import constants
from costmodel.units import Number

# Published runs that tested how a law holds far from the compute optimum go to 640 tokens per parameter (Gadre 2024).
MOST_PER_PARAMETER = 640.0
ROUNDS = 60  # of the fixed point between tokens and what quantisation adds
Constants = dict[str, Number]


@dataclass(frozen=True, slots=True)
class Served:
    """Bits in which weights are served, and the method by which they were rounded."""

    method: str
    bits: float
    group: float | None

    def added(self, parameters: Number, tokens: Number) -> Number:
        """Loss in nats that it adds: more, the more tokens per parameter a model was trained on."""
        factors = quantisation.factors(self.method, self.bits, "newer", self.group)
        factors["generation"] = generation_at(tokens, parameters, factors["generation"])
        return quantisation.quantisation_loss(self.bits, **factors, share=1.0)


@dataclass(frozen=True, slots=True)
class Quality:
    """A law, how much new data there is (None: enough), and how the model is served (None: as trained)."""

    law: scaling.Law
    unique: float | None
    served: Served | None

    def loss(self, known: Constants, parameters: Number, tokens: Number) -> Number:
        """Loss in nats per token of a model as it is served."""
        worth, size = tokens, parameters
        if self.unique is not None:
            decay = constants("scaling")["repeat decay"]
            again = tokens > self.unique
            worth = np.where(again, scaling.worth_of_repeats(tokens, self.unique, decay), tokens)
            size = np.where(again, self._worth_of_size(known, parameters), parameters)
        trained = scaling.scaling_loss(size, worth, **known)
        return trained if self.served is None else served_loss(trained, self.served.added(parameters, tokens))

    def tokens(self, known: Constants, target: Number, parameters: Number) -> Number:
        """Tokens after which a model as it is served has a loss; NaN where no number of tokens is enough."""
        if self.served is None:
            return self._tokens(known, target, parameters)
        found = self._tokens(known, target, parameters)
        for _ in range(ROUNDS):
            found = self._tokens(known, loss_left(target, self.served.added(parameters, found)), parameters)
        return found

    def _tokens(self, known: Constants, target: Number, parameters: Number) -> Number:
        found = scaling.tokens_at_loss(target, parameters, **known)
        if self.unique is None:
            return found
        worth = scaling.tokens_at_loss(target, self._worth_of_size(known, parameters), **known)
        repeated = tokens_of_worth(worth, self.unique, constants("scaling")["repeat decay"])
        return np.where(found <= self.unique, found, repeated)

    def _worth_of_size(self, known: Constants, parameters: Number) -> Number:
        shape = {name: value for name, value in known.items() if name != "irreducible"}
        fresh = np.minimum(parameters, scaling.balanced_parameters(self.unique, **shape))
        return scaling.worth_of_repeats(parameters, fresh, constants("scaling")["excess parameter decay"])

    def answered(self, parameters: Number, tokens: Number) -> Number:
        """Where a law answers at all: within 100 times its range, and at most 16 epochs."""
        good = np.isfinite(tokens)
        for value, (low, high) in ((parameters, self.law.parameters), (tokens, self.law.tokens)):
            good = good & (value >= low / scaling.BEYOND) & (value <= high * scaling.BEYOND)
        return good if self.unique is None else good & (epochs(tokens, self.unique) <= scaling.EPOCHS)

    def seen(self, parameters: Number, tokens: Number) -> Number:
        """Where it is not beyond the tokens per parameter that published runs have tested."""
        return self.answered(parameters, tokens) & (tokens_per_parameter(tokens, parameters) <= MOST_PER_PARAMETER)
