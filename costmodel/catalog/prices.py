"""Prices: of renting and buying devices, of storage, egress and electricity. All in USD.

Many rows answer each question, so a price is a row, not an average: the lower median of the newest rows, with the rows
at the 10% and 90% positions as its range. Newest means 2025 or later where at least three rows are that new, else all.
Where fewer than three rows exist, the range is the typical one of devices with many (economics, price_spread_few_rows).
"""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.catalog import economics, hardware
from costmodel.catalog.table import CatalogError, key, rows, unknown
from costmodel.units import unit

PRICING = ("on-demand", "spot", "reserved-1y", "reserved-3y", "savings-plan", "capacity-block")
NEW, ENOUGH = "2025", 3
UNITS = {"rental": "USD/s", "purchase": "USD", "storage": "USD/B/s", "egress": "USD/B"}  # by kind

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Price:
    """A price in SI: USD/s, USD, USD/(B·s), USD/B or USD/J by what was asked; `rows` is how many it stands for."""

    value: float
    low: float
    high: float
    date: str
    provider: str
    pricing: str
    source: str
    rows: int


def rental(device_id: str, pricing: str = "on-demand") -> Price | None:
    """Rent of one device, USD/s; None if no row has one. Raises CatalogError for an unknown device or pricing."""
    if pricing not in PRICING:
        raise unknown("pricing", pricing, {key(p): p for p in PRICING})
    found = _of_device("rental", device_id, pricing)
    return _pick(found) if found else None


def on_demand_beside(device_id: str, price: Price) -> Price | None:
    """What the provider of a rent asked on demand at that time, in the same source; None if no row says it."""
    found = [
        row
        for row in _of_device("rental", device_id, "on-demand")
        if (row["provider"], row["source"]) == (price.provider, price.source) and row["date"] >= price.date
    ]
    return _pick([min(found, key=lambda row: row["date"])]) if found else None


def purchase(device_id: str) -> Price | None:
    """Price of one device, USD; None if no row has one.

    `pricing` is "purchase" for the device alone, "purchase-system" for its share of a complete server or rack, used
    only where no row has the device alone.
    """
    found = _of_device("purchase", device_id, "purchase") or _of_device("purchase", device_id, "purchase-system")
    return _pick(found) if found else None


def storage(name: str = "object") -> Price:
    """List price of a class of cloud storage, USD/(B·s): object, infrequent, cold, archive or block."""
    return _pick(_listed("storage", name))


def electricity(region: str = "world") -> Price:
    """Price of electricity for a business, USD/J. Raises CatalogError for a region whose price is not in USD."""
    found = economics.electricity(region)
    if not found.unit.startswith("USD"):
        raise CatalogError(
            f"the electricity price of {region!r} is published as {found.mid:g} {found.unit} ({found.date}); "
            "write a price in USD instead, for example '0.1 USD/kWh'"
        )
    size = unit(found.unit)[0]
    return Price(found.mid * size, found.low * size, found.high * size, found.date, "", "business", found.source, 1)


def offers(name: str) -> list[tuple[str, Price]]:
    """All prices of a device, or of a class of storage or egress: the unit (SI) and the price, by kind and pricing.

    Raises CatalogError for a name that has none.
    """
    kinds = dict.fromkeys((row["kind"], row["pricing"]) for row in rows("prices"))
    own = [row for row in rows("prices") if row["item"] == key(name)]
    try:
        device = hardware.device(name).id
        found = [_of_device(kind, device, pricing) for kind, pricing in kinds]
    except CatalogError:
        if not own:
            raise
        found = [[row for row in own if (row["kind"], row["pricing"]) == both] for both in kinds]
    if not any(found):
        raise CatalogError(f"no price of {device} is known; state one with costs.price or costs.hardware_price")
    return [(UNITS[group[0]["kind"]], _pick(group)) for group in found if group]


def _of_device(kind: str, device_id: str, pricing: str) -> list[Row]:
    """Rows of a device; if it has none, those that fit it among others (a source that only says "A100")."""
    device = hardware.device(device_id)
    for items in ([device.id], hardware.ambiguous_names(device.id)):
        found = [r for r in rows("prices") if r["item"] in items and r["kind"] == kind and r["pricing"] == pricing]
        if found:
            return found
    return []


def _listed(kind: str, name: str) -> list[Row]:
    of_kind = [row for row in rows("prices") if row["kind"] == kind]
    found = [row for row in of_kind if isinstance(name, str) and row["item"] == key(name)]
    if not found:
        raise unknown(f"class of {kind}", name, {row["item"]: row["item"] for row in of_kind})
    return found


def _pick(found: list[Row]) -> Price:
    new = [row for row in found if row["date"] >= NEW]
    ranked = sorted(new if len(new) >= ENOUGH else found, key=lambda row: float(row["price"]))
    last = len(ranked) - 1
    middle, tail = ranked[last // 2], last // 10
    size = unit(middle["unit"])[0]
    value, low, high = (float(row["price"]) * size for row in (middle, ranked[tail], ranked[last - tail]))
    if len(ranked) < ENOUGH:
        spread = economics.value("price_spread_few_rows")
        low, high = value * spread.low, value * spread.high
    return Price(value, low, high, middle["date"], middle["provider"], middle["pricing"], middle["source"], len(ranked))
