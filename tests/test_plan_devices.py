"""What-ifs about devices: mixed fleets, more of them, rented or bought."""

import json
import math
import shlex
from dataclasses import replace
from itertools import pairwise

import pytest
from planning import TRAIN, column

import costmodel
from costmodel import plan
from costmodel.advice import dear
from costmodel.api import estimate
from costmodel.catalog import prices
from costmodel.cli.main import run
from costmodel.costs.money import owned_time
from costmodel.loading import load
from costmodel.plan import mixed, owning, scaling
from costmodel.plan.money import PlanError
from costmodel.report import whatif
from costmodel.report.quantities import show
from costmodel.resolve import resolve
from costmodel.source import ScenarioError
from costmodel.units import YEAR

# Mixed fleets.


def test_a_mixed_fleet_by_hand():
    # Two devices that take 2 s and 6 s for a half each: 1/2 + 1/6 = 2/3 of a half per second, together 3 s; equal
    # shares take the slower one's 6 s, half of which the faster one's work would have saved.
    speed = mixed.group_speed(1, 2.0) + mixed.group_speed(1, 6.0)
    assert mixed.time_by_speed(2, speed) == pytest.approx(3.0)
    assert mixed.waiting_share(3.0, 6.0) == 0.5
    # One of two devices at 10 USD for 2 s: its half for three times as long
    assert mixed.share_of_cost(10.0, 1, 2, 6.0, 2.0) == 15.0


def test_a_mixed_fleet_is_as_slow_as_its_slowest_part_unless_work_is_split_by_speed():
    answer = plan.fleet(TRAIN | {"devices": 32}, "a100-sxm-80gb=32")
    fast, slow = (estimate(TRAIN | {"hardware": name}).totals["time_s"] for name in ("h100-sxm", "a100-sxm-80gb"))
    alone = estimate(TRAIN | {"devices": 32}).totals["time_s"]
    assert column(answer, "time") == pytest.approx((fast, slow, alone, slow, 64 / (32 / fast + 32 / slow)), rel=1e-9)
    assert fast < answer.figures["split_time"] < alone < slow


def test_more_of_the_same_speed_changes_nothing():
    answer = plan.fleet(TRAIN | {"devices": 32}, "h100-sxm5=32")  # another name of the same device
    assert column(answer, "time")[3:] == pytest.approx([column(answer, "time")[0]] * 2)
    assert column(answer, "cost")[4] == pytest.approx(column(answer, "cost")[0])
    assert answer.figures["lost"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    "add", ["", "a100-sxm-80gb", "a100-sxm-80gb=", "a100-sxm-80gb=0", "h100-sxm=8", "l4=1.5", "l4=-1"]
)
def test_odd_additions_are_refused(add):
    with pytest.raises(PlanError, match="a100-sxm-80gb=32"):
        plan.fleet(TRAIN, add)


def test_unknown_and_too_small_devices_are_named():
    with pytest.raises(ScenarioError, match="h1000"):
        plan.fleet(TRAIN, "h1000=8")
    with pytest.raises(PlanError, match="no layout on 65 × jetson-nano"):
        plan.fleet(TRAIN | {"costs": {"price": "1 USD/h"}}, "jetson-nano=1")


def test_what_is_wrong_with_a_scenario_is_no_lack_of_layouts():
    images = TRAIN | {"model": "torchvision-resnet50", "workload": {"kind": "train", "tokens": 1e9}}
    with pytest.raises(ScenarioError, match="takes images, not tokens"):
        plan.fleet(images, "a100-sxm-80gb=8")


# Scaling.


def test_doubling_by_hand():
    assert scaling.gain_of_doubling(10, 5) == 1
    assert scaling.gain_of_doubling(10, 10) == 0
    assert scaling.gain_of_doubling(10, 8) == pytest.approx(0.25)
    assert scaling.scaling_efficiency(10, 1, 4, 4) == pytest.approx(10 / 16)


def test_scaling_stops_paying_where_doublings_gain_too_little():
    answer = plan.scale(TRAIN)
    devices, times, gains = (column(answer, name) for name in ("devices", "time", "gain of doubling"))
    assert devices[0] == 64
    assert gains[0] is None
    assert gains[1:] == pytest.approx([before / after - 1 for before, after in pairwise(times)])
    worth = devices.index(answer.figures["worth_devices"])
    assert all(gain >= 0.5 for gain in gains[1 : worth + 1])
    assert gains[worth + 1] < 0.5
    assert answer.figures["cheapest_cost"] == min(column(answer, "cost"))
    alone = estimate(costmodel.load(TRAIN, [f"devices={int(devices[2])}", "workload.global_batch=512"]))
    assert times[2] == pytest.approx(alone.totals["time_s"], rel=1e-9)


def test_asking_for_more_gain_stops_earlier():
    found = [plan.scale(TRAIN, least).figures["worth_devices"] for least in (0.1, 0.5, 0.9, "99 %")]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1]


def test_doubling_ends_where_scenarios_do():
    answer = plan.scale(TRAIN | {"devices": 6_000_000, "workload": {"kind": "train", "global_batch": 6_000_000}})
    assert column(answer, "devices") == (6_000_000,)
    assert "next" not in whatif.sentence(answer)


@pytest.mark.parametrize("least", ["0", "-1", "2", "half", "nan"])
def test_odd_gains_are_refused(least):
    with pytest.raises(PlanError, match="--least"):
        plan.scale(TRAIN, least)


@pytest.mark.parametrize(
    ("work", "devices"),
    [({"workload": "serve", "traffic": {"request_rate": "20 /s"}}, 2), ({"workload": "finetune"}, 8)],
)
def test_scaling_of_other_work_is_refused_with_the_command_that_answers(capsys, work, devices):
    with pytest.raises(PlanError, match="write workload: train, or costmodel sweep") as error:
        plan.scale(TRAIN | {"devices": devices} | work)
    command = shlex.split(str(error.value).partition(", or costmodel ")[2])
    assert command[-1] == f"devices={devices}:{32 * devices}:x2"
    assert run([*command, "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["devices"] == [devices * 2**n for n in range(6)]
    alone = estimate(TRAIN | {"devices": devices} | work)
    assert found["totals.cost_usd"][0] == pytest.approx(alone.totals["cost_usd"])


# Renting and buying.


def test_owning_by_hand():
    assert owned_time(100.0, 0.25, 1) == 400  # used a quarter of the time
    assert owned_time(100.0, 0.25, 0) == 100  # rented: only the hours used
    # A job costs 10 rented; bought 6 if always used, 2 of it running; half used: 2 + 2·4 = 10. Break-even 4/(10 − 2).
    assert owning.break_even_utilisation(10.0, 6.0, 10.0) == 0.5
    # 8 saved per 100 s pay 800 in 10,000 s
    assert owning.payback_time(800.0, 100.0, 10.0, 2.0) == 10_000
    assert owning.cost_over(10.0, 100.0, 1000.0, 0.5) == 50


def test_at_break_even_renting_and_buying_cost_the_same():
    share = plan.buy(TRAIN | {"hardware": "h200-sxm"}).figures["break_even"]
    alone = {"staff": "none", "storage": "0 USD/GB-month"}
    own, rent = (
        estimate(TRAIN | {"hardware": "h200-sxm", "costs": alone | said}).totals["cost_usd"]
        for said in ({"pricing": "own", "utilisation": share}, {})
    )
    assert own == pytest.approx(rent, rel=1e-9)


def test_buying_64_h200_by_hand():
    answer = plan.buy(TRAIN | {"hardware": "h200-sxm"}, "3 years")
    costs = estimate(TRAIN | {"hardware": "h200-sxm", "costs": {"pricing": "own"}}).outcome.job.costs
    assert answer.figures["purchase"] == pytest.approx(64 * costs.hardware_price * 1.64)
    # Rent of all hours of three years
    rate = estimate(TRAIN | {"hardware": "h200-sxm"}).outcome.job.costs.price
    assert answer.figures["rent"] == pytest.approx(64 * 3 * YEAR * rate)
    # Three fifths of the purchase are written off; hosting and electricity come on top.
    assert answer.figures["buy"] > answer.figures["purchase"] * 3 / 5


@pytest.mark.parametrize("price", [1, 2, 4, 8])
def test_dearer_rent_makes_buying_pay_earlier(price):
    found = [plan.buy(TRAIN | {"costs": {"price": f"{p} USD/h"}}).figures for p in (price, 2 * price)]
    for name in ("break_even", "payback"):
        first, second = (f[name] or math.inf for f in found)
        assert second < first


def test_where_rent_is_cheap_buying_never_pays():
    answer = plan.buy(TRAIN | {"costs": {"price": "0.1 USD/h"}})
    assert answer.figures["break_even"] is None
    said = whatif.sentence(answer)
    assert "never costs less than renting" in said
    assert said.endswith("never pays back.")


def test_rent_or_purchase_is_said_as_accounts_have_it():
    answer = plan.buy(TRAIN)
    f = answer.figures
    first, second = whatif.sentence(answer).split(". The purchase, ")
    assert f"costs less than renting above {f['break_even']:.0%} utilisation: 3 years of full use cost" in first
    assert second == f"{show(f['purchase'], 'USD')}, pays back in {show(f['payback'], 's')} at full use."


def test_a_reserved_price_above_one_on_demand_says_whose_and_when_both_are():
    # Google Cloud's price list of 2025-03-17 as Epoch AI kept it: 11.06 USD/h on demand, 7.67 for a year, 4.86 for
    # three; cheaper providers publish no price for a year.
    (warning,) = dear(resolve(load(TRAIN | {"costs": {"pricing": "reserved-1y"}})))
    assert "7.67 USD/h (Google Cloud, 2025-03-17), is above the usual one on demand, 2.99 USD/h (RunPod, " in warning
    assert "(there 11.1 USD/h on demand, 2025-03-17)" in warning
    assert not list(dear(resolve(load(TRAIN | {"costs": {"pricing": "reserved-3y"}}))))


def test_what_a_provider_asked_on_demand_is_of_the_same_source_and_not_before():
    known = prices.rental("a40", "reserved-1y")
    beside = prices.on_demand_beside("a40", known)
    assert (beside.provider, beside.source) == (known.provider, known.source)
    assert beside.value > known.value
    assert prices.on_demand_beside("a40", replace(known, date="9999")) is None


def test_reserved_devices_are_paid_for_all_hours():
    columns = plan.buy(TRAIN).columns
    reserved = [name for name in columns if "reserved" in name]
    assert reserved
    for name in reserved:
        assert len(set(columns[name].values)) == 1
    assert columns["buy"].values == tuple(sorted(columns["buy"].values))  # more use costs more electricity


@pytest.mark.parametrize("period", ["3", "0 years", "-1 year", "3 USD", "eternity", "101 years", "1e9 years"])
def test_odd_periods_are_refused(period):
    with pytest.raises(PlanError, match=r"--period: .* write for example '?3 years'?$"):
        plan.buy(TRAIN, period)
