"""The search for a size: every member of a family within the law's range, all at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from costmodel.plan.formulas import left_for_training, lifetime_cost
from costmodel.plan.money import TOKENS, Sizes
from costmodel.plan.quality import MOST_PER_PARAMETER, Constants, Quality
from costmodel.quality import scaling
from costmodel.quality.evidence import NoEvidence


@dataclass(frozen=True)
class Search:
    """A question on a grid of sizes: a loss to reach, or a budget to keep.

    `serving` is the cost of serving each size [USD], `surface` that of training each size on each of TOKENS; costs are
    NaN where a size does not fit.
    """

    grid: Sizes
    quality: Quality
    serving: np.ndarray
    surface: np.ndarray
    loss: float | None
    budget: float | None

    def tokens(self, known: Constants) -> np.ndarray:
        """Tokens of each size: those that reach the loss, or those that the budget pays; NaN for none."""
        if self.loss is not None:
            return np.asarray(self.quality.tokens(known, self.loss, self.grid.parameters))
        left = left_for_training(self.budget, self.serving)
        pairs = zip(left, self.surface, strict=True)
        return np.array([np.interp(x, costs, TOKENS, left=np.nan, right=np.nan) for x, costs in pairs])

    def total(self, tokens: np.ndarray) -> np.ndarray:
        """Cost of each size [USD], straight between the tokens priced; a row for each row of `tokens`."""
        at = np.atleast_2d(tokens)
        left = np.clip(np.searchsorted(TOKENS, at, side="right") - 1, 0, len(TOKENS) - 2)
        share, size = (at - TOKENS[left]) / (TOKENS[left + 1] - TOKENS[left]), np.arange(len(self.surface))
        training = self.surface[size, left] * (1 - share) + self.surface[size, left + 1] * share
        return np.asarray(lifetime_cost(np.where((share >= 0) & (share <= 1), training, np.nan), self.serving))

    def choose(self, known: Constants, clipped: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The best of the sizes: its place (−1 for none), its tokens, and its cost or loss; for each row of constants.

        `clipped` keeps to the tokens per parameter that published runs have tested.
        """
        n = self.grid.parameters
        tokens = np.atleast_2d(self.tokens(known))
        least = self.total(tokens) if self.loss is not None else np.atleast_2d(self.quality.loss(known, n, tokens))
        tokens = np.broadcast_to(tokens, least.shape)
        good = (self.quality.seen if clipped else self.quality.answered)(n, tokens)
        least = np.where(good & np.isfinite(self.serving) & np.isfinite(least), least, np.inf)
        place, rows = np.argmin(least, axis=-1), np.arange(len(least))
        best = least[rows, place]
        return np.where(np.isfinite(best), place, -1), tokens[rows, place], best

    @property
    def answered(self) -> bool:
        """Whether any size is an answer."""
        return bool(self.choose(self.quality.law.constants)[0][0] >= 0)

    @cached_property
    def spread(self) -> dict[str, tuple[float, float]]:
        """10th and 90th percentile over their median, over draws of the law's constants: of size, tokens, cost.

        Empty for a law without draws, and where few draws have an answer.
        """
        if self.quality.law.name != scaling.DEFAULT:
            return {}
        place, tokens, least = self.choose({name: values[:, None] for name, values in scaling.draws().items()})
        good = place >= 0
        if good.mean() < 0.8:
            return {}
        found = {"parameters": self.grid.parameters[place[good]], "tokens": tokens[good]}
        if self.loss is not None:
            found["total_usd"] = least[good]
        quantiles = {k: np.quantile(v, [0.1, 0.5, 0.9], method="nearest") for k, v in found.items()}
        return {name: (float(low / middle), float(high / middle)) for name, (low, middle, high) in quantiles.items()}

    def rivals(self, parameters: float, tokens: float) -> dict[str, tuple[float, float]]:
        """Parameters and tokens that other laws choose: for a model as good as this one, or for the same budget."""
        found = {}
        for law in scaling.laws().values():
            rival = replace(self.quality, law=law)
            if law.name == self.quality.law.name or not rival.answered(parameters, tokens):
                continue
            loss = None if self.loss is None else float(rival.loss(law.constants, np.float64(parameters), tokens))
            place, chosen, _ = replace(self, quality=rival, loss=loss).choose(law.constants)
            if place[0] >= 0:
                found[law.name] = (float(self.grid.parameters[place[0]]), float(chosen[0]))
        return found

    def obstacle(self) -> str:
        """Why there is no answer: what does not fit. Raises NoEvidence when it is the law that does not answer."""
        scenario = self.grid.training
        where = f"{scenario.devices:,} devices"
        if not np.isfinite(self.surface).any():
            return f"no size of family {self.grid.family} can be trained on {where}; use more devices, or others"
        if not np.isfinite(self.serving).any():
            return f"no size of family {self.grid.family} can be served; change hardware or devices of serving"
        if self.budget is not None:
            least = np.nanmin(lifetime_cost(self.surface[:, 0], self.serving))
            if self.budget <= least:
                return f"the budget of {self.budget:,.0f} USD pays no size; the least is over {least:,.0f} USD"
            raise NoEvidence(f"a budget of {self.budget:.3g} USD leads beyond what {self.quality.law.name} has seen")
        known, law, n = self.quality.law.constants, self.quality.law, self.grid.parameters
        repeats = scaling.EPOCHS * self.quality.unique if self.quality.unique else np.inf
        most = min(law.tokens[1] * scaling.BEYOND, MOST_PER_PARAMETER * n[-1], repeats)
        best, worst = (
            float(self.quality.loss(known, np.float64(size), np.float64(d)))
            for size, d in ((n[-1], most), (n[0], law.tokens[0] / scaling.BEYOND))
        )
        if best >= worst:
            often = f"seen at most {scaling.EPOCHS:g} times, are too few for any plan that {law.name} can speak of"
            raise NoEvidence(f"{self.quality.unique:g} unique tokens, {often}; write a larger number")
        raise NoEvidence(
            f"no plan that {law.name} can speak of reaches {self.loss:g} nats on {where}; "
            f"write a loss above {best:.3g}, below {worst:.3g}, "
            f"that needs at most {MOST_PER_PARAMETER:g} tokens per parameter"
        )
