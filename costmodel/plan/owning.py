"""Renting devices or buying them, by how much of the time they are used."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from costmodel import ops
from costmodel.advice import dear
from costmodel.api import Estimate
from costmodel.catalog import CatalogError
from costmodel.formula import formula
from costmodel.loading import Override, load
from costmodel.plan.answer import Answer, Column, fitting, option
from costmodel.plan.money import PlanError
from costmodel.scenario import Scenario
from costmodel.sweeping import sweep
from costmodel.units import YEAR, Count, Fraction, Seconds, Usd

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
RESERVED = ("reserved-1y", "reserved-3y")
# What is paid for devices alone: the people and the storage are the same either way.
DEVICES_ALONE: tuple[Override, ...] = (
    ("costs.staff", "none"),
    ("costs.storage", "0 USD/GB-month"),
    ("costs.utilisation", None),
    ("ranges", False),
)


@formula(r"C_{T}", source="definition")
def cost_over(cost: Usd, duration: Seconds, period: Seconds, utilisation: Fraction) -> Usd:
    """Cost over a period that is worked for a share of it, from that of a job of some duration."""
    return cost / duration * period * utilisation


@formula(r"u^*", source="definition")
def break_even_utilisation(rent: Usd, always: Usd, half: Usd) -> Count:
    """Share of the time for which bought devices must work to cost as little as rented ones.

    From the cost of one job on devices rented, bought and always used, and bought and used half of the time: the
    latter two differ by what standing costs.
    """
    standing = half - always
    return standing / (rent - (always - standing))


@formula("P", source="cottier-2024")
def purchase_cost(devices: Count, price: Usd, server_overhead: Count) -> Usd:
    """What buying devices takes, with their share of servers and network."""
    return devices * price * server_overhead


@formula(r"t_{pay}", source="definition")
def payback_time(purchase: Usd, duration: Seconds, rent: Usd, running: Usd) -> Seconds:
    """Time of full use after which the saved rent has paid a purchase: from a job's rent and running cost."""
    return purchase * duration / (rent - running)


def buy(scenario: Any, period: str = "3 years", overrides: Sequence[Override] = ()) -> Answer:
    """What renting and buying the scenario's devices costs over a period, by the share of it that they work.

    The work itself only sets what the devices draw. Raises PlanError, ScenarioError, CatalogError.
    """
    base = load(scenario, overrides)
    length = option(period, "--period", "3 years", "s", high="100 years")
    own: list[Override] = [("costs.price", None), ("costs.pricing", "own")]
    bought = _alone(base, own)
    said: str = base.costs.pricing if base.costs.pricing not in (None, "own") else "on-demand"
    try:
        offers = {said: _alone(base, [("costs.pricing", None if base.costs.price is not None else said)])}
    except CatalogError:  # all that the bought ones did not need: a rent
        raise PlanError(
            f"buying is compared with a rent, and none of {bought.resolved.hardware} is known ({said}); "
            "write --set costs.pricing=on-demand --set costs.price='2.5 USD/h'"
        ) from None
    if base.costs.price is None:
        for pricing in RESERVED:
            with suppress(CatalogError):  # nobody offers it
                offers[pricing] = _alone(base, [("costs.pricing", pricing)])
    at_share = sweep(base, {"costs.utilisation": SHARES}, overrides=[*DEVICES_ALONE, *own])["totals.cost_usd"].tolist()
    duration = bought.totals["time_s"]
    columns = {"used": Column("fraction", SHARES)}
    for offer, answer in offers.items():
        hours = [1.0 if offer in RESERVED else share for share in SHARES]
        spent = (cost_over(answer.totals["cost_usd"], duration, length, share) for share in hours)
        columns[f"rent {offer}"] = Column("USD", tuple(spent))
    spent = (cost_over(cost, duration, length, share) for cost, share in zip(at_share, SHARES, strict=True))
    columns["buy"] = Column("USD", tuple(spent))
    rent, always, half = offers[said].totals["cost_usd"], at_share[SHARES.index(1.0)], at_share[SHARES.index(0.5)]
    costs, parts = bought.outcome.job.costs, bought.outcome.breakdown["cost_usd"]
    price = purchase_cost(base.devices, costs.hardware_price, costs.server_overhead)
    running = ops.total({name: parts[name] for name in ("energy", "hosting")})
    share, payback = break_even_utilisation(rent, always, half), payback_time(price, duration, rent, running)
    return Answer(
        "buy",
        columns,
        {
            "devices": base.devices,
            "hardware": bought.resolved.hardware,
            "period": length,
            "offer": said,
            "rent": columns[f"rent {said}"].values[-1],
            "buy": columns["buy"].values[-1],
            "break_even": share if 0 < share <= 1 else None,
            "purchase": price,
            "payback": payback if payback > 0 else None,
        },
        (
            f"Bought: written off over {costs.hardware_life / YEAR:.3g} years, straight line (what is left is worth "
            "its book value), with electricity and hosting; devices that wait stay on. Rent is paid for the hours "
            "used, of reserved devices for all hours. Neither staff nor storage is in it.",
            *(warning for answer in offers.values() for warning in dear(answer.resolved)),
        ),
    )


def _alone(base: Scenario, changes: Sequence[Override]) -> Estimate:
    return fitting(load(base, [*DEVICES_ALONE, *changes]))
