"""What a scenario's time, power and data cost → assumptions: prices, places and staff, stated or from the catalog."""

from __future__ import annotations

from typing import Any

from costmodel.architectures.kinds import Architecture, Samples
from costmodel.book import RULE, USER, Book, named
from costmodel.catalog import CatalogError, economics, embodied, grids, prices, pue
from costmodel.device import Device
from costmodel.fields import TRAINING
from costmodel.scenario import Scenario
from costmodel.units import HOUR, MONTH, YEAR, counted
from costmodel.workloads.formulas.run import mean_time_between_failures


def costs(book: Book, scenario: Scenario, device: Device, made: Architecture) -> None:
    """Set all that costs stand on. Raises CatalogError for a device without a price when none is stated."""
    said = scenario.costs
    own = said.pricing == "own"
    rental = prices.rental(device.id, said.pricing or "on-demand") if device.id and not own else None
    unpriced = rental is None and said.price is None and not own
    if unpriced and device.profile is None:
        raise CatalogError(
            f"no {said.pricing or 'on-demand'} price of {device.name} is known; "
            "write costs: {price: 2.5 USD/h} or pricing: own"
        )
    yours = unpriced and said.pricing is None and said.hardware_price is None  # measured here: electricity alone
    note = "1 when bought or measured whole, 0 when rented"
    book.given_or("costs.own", own if said.pricing else None, own or yours, RULE, note=note)
    if rental is None or said.price is not None:
        book.given_or("costs.price", said.price, 0.0, RULE, note="no rent is known" if unpriced else "not rented")
    else:
        note = f"{rental.provider}, {rental.date}; range of {counted(rental.rows, 'offer')}"
        book.set("costs.price", rental.value, "catalog", rental.source, rental.low, rental.high, note)
    _capital(book, said, device, own, yours)
    _surroundings(book, said, device)
    _storage(book, scenario, made.samples)
    _staff(book, said, scenario.workload.kind)


def _capital(book: Book, said: Any, device: Device, own: bool, yours: bool) -> None:
    bought = prices.purchase(device.id) if device.id else None
    if said.hardware_price is None and bought is None and own:
        raise CatalogError(f"no purchase price of {device.name} is known; write costs: {{hardware_price: 30000 USD}}")
    if bought is not None and said.hardware_price is None:
        book.set("costs.hardware_price", bought.value, "catalog", bought.source, bought.low, bought.high, bought.date)
    else:
        book.given_or("costs.hardware_price", said.hardware_price, 0.0, RULE, note="not bought")
    life = economics.value("hardware_life_years")
    book.given_or(
        "costs.hardware_life", said.hardware_life, life.mid * YEAR, life.source, life.low * YEAR, life.high * YEAR
    )
    book.given_or("costs.utilisation", said.utilisation, 1.0, RULE, note="bought hardware works all the time")
    if bought is not None and bought.pricing == "purchase-system":
        book.set("costs.server_overhead", 1.0, "catalog", bought.source, note="the price is that of a whole system")
    else:
        overhead = economics.value("epoch_server_cost_overhead")
        book.set("costs.server_overhead", overhead.mid, "catalog", overhead.source, overhead.low, overhead.high)
    usd, least, most, note = (0, 0, 0, "in no data centre") if yours else (0.1, 0.05, 0.2, "space and operations")
    book.given_or("costs.hosting", said.hosting, usd / HOUR, RULE, least / HOUR, most / HOUR, note)


def _surroundings(book: Book, said: Any, device: Device) -> None:
    power = prices.electricity()
    book.given_or("costs.electricity", said.electricity, power.value, power.source, power.low, power.high)
    building = pue.pue()
    book.given_or("costs.pue", said.pue, building.value, building.source, building.low, building.high)
    if isinstance(said.grid, float | int):
        book.set("costs.grid", said.grid, "given", USER)
    else:
        with named("costs.grid"):
            grid = grids.intensity(said.grid or "world")
        status = "given" if said.grid else "catalog"
        book.set("costs.grid", grid.value, status, grid.source, grid.low, grid.high, f"{grid.name}, {grid.year}")
    made = embodied.embodied(device.id) if device.id else embodied.by_power(device.figure("tdp"))
    host = embodied.host_share(int(device.figures.get("node_devices") or 8))
    low, high, source = made.low + host.low, made.high + host.high, f"{made.source}; {host.source}"
    note = "device and its share of the host"
    book.set("costs.embodied", made.value + host.value, "catalog", source, low, high, note)


def _storage(book: Book, scenario: Scenario, samples: Samples | None) -> None:
    said, price = scenario.costs, prices.storage()
    book.given_or("costs.storage", said.storage, price.value, price.source, price.low, price.high)
    if samples is None:
        book.set("costs.data_bytes", 4.0, "default", RULE, 2.0, 8.0, "of a token: its id, some of the raw text")
    else:
        book.set("costs.data_bytes", samples.size, "default", RULE, samples.size / 3, samples.size * 3, "of a sample")
    book.given_or("costs.checkpoints_kept", said.checkpoints_kept, 3.0, RULE, note="the last ones")
    path, note = "costs.checkpoint_bandwidth", "at least; above some 160 devices it grows with them"
    book.set(path, 20e9, "default", RULE, 5e9, 60e9, note)
    if path in scenario.assumptions:  # then it is that of the whole cluster
        book.set(f"{path}_per_device", 0.0, "default", RULE, note=f"{path} is stated")
    else:
        each = economics.value("checkpoint:bandwidth_per_device")
        book.set(f"{path}_per_device", each.mid, "catalog", each.source, each.low, each.high, each.notes)
    book.set("costs.retention", 6 * MONTH, "default", RULE, 2 * MONTH, 24 * MONTH, "kept after the run")


def _staff(book: Book, said: Any, kind: str) -> None:
    usual, team = economics.staff_preset("industry"), economics.value("staff:industry_team")
    people: float | None = 0.0
    rate, low, high, status, source, note = 0.0, None, None, "given", USER, "none of its own"
    if said.staff is None and kind not in TRAINING:
        status, source, note = "default", RULE, "none of its own: shared with other services"
    elif said.staff is None or (isinstance(said.staff, str) and said.staff != "none"):
        preset = economics.staff_preset(said.staff) if said.staff else usual
        people = preset.heads if said.staff else None
        rate, low, high = preset.rate, preset.rate_low, preset.rate_high
        status, source, note = "given" if said.staff else "catalog", preset.source, preset.preset
    elif said.staff != "none":
        people, rate, note = said.staff.people, said.staff.rate, ""
    book.set("costs.rate", rate, status, source, low, high, note)
    if people is None:
        book.set("costs.people", None, status, "cottier-2022", note="costs.team, by the number of devices")
        book.set("costs.team", team.mid, status, team.source, team.low, team.high, "people on a run of 64 devices")
    else:
        book.set("costs.people", people, status, source, note=note)
        book.set("costs.team", None, status, source, note="does not apply")
    book.set("costs.working_share", usual.working_share, "catalog", usual.source, note="paid working time")
    failures = economics.value("failures:per_device_hour")
    book.set(
        "costs.device_mtbf",
        mean_time_between_failures(failures.mid),
        "catalog",
        failures.source,
        mean_time_between_failures(failures.high),
        mean_time_between_failures(failures.low),
    )
    book.set("costs.restart", 600.0, "default", RULE, 180.0, 1800.0, "restart and reload")
