"""Staff: people, their rate, their time."""

from typing import Annotated

from costmodel.formula import formula
from costmodel.units import HOUR, Count, Fraction, Number, People, Seconds, Usd, UsdPerPersonSecond


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
