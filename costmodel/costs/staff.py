"""Staff: people, their rate, their time."""

from typing import Annotated

from costmodel import ops
from costmodel.formula import formula
from costmodel.units import HOUR, Count, Fraction, Number, People, Seconds, Usd, UsdPerPersonSecond


@formula("A", source="cottier-2022")
def team_size(devices: Count, team: People, usual: Count = 64.0) -> People:
    """People at work on a run, from the `team` of one on the `usual` number of devices.

    Above it they grow with the root of the devices, as in published runs from 16 A100 (TinyLlama, 4 authors) over 992
    A100 (OPT-175B, 11) and 10,000 V100 (GPT-3, 25) to 16,384 H100 (Llama 3, 220). Below it they grow with the devices:
    a small run has a share of somebody's time, one person eight devices.
    """
    share = devices / usual
    return team * ops.minimum(share, ops.sqrt(share))


@formula(r"C_{staff}", source="document-2")
def staff_cost(people: People, rate: UsdPerPersonSecond, duration: Seconds) -> Usd:
    """Staff cost: people times what one costs per calendar time, times the duration (the documents' C_p = A·B·T)."""
    return people * rate * duration


@formula(r"H", source="definition")
def staff_hours(
    people: People, duration: Seconds, working_share: Fraction, hour: Count = HOUR
) -> Annotated[Number, "person*h"]:
    """Hours that people work in a calendar duration of which a share is working time."""
    return people * duration * working_share / hour
