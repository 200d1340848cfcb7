"""Work out what a crossing costs. Used by the ticket machines on piers 1 and 2."""

from dataclasses import dataclass
from decimal import Decimal

ADULT = Decimal("14.00")
CHILD_SHARE = Decimal("0.5")
GROUP_SIZE = 10  # from this many people on, the skipper's rebate applies
GROUP_REBATE = Decimal("0.15")


@dataclass
class Party:
    """Who wants to cross."""

    adults: int
    children: int = 0
    dogs: int = 0


def price(party: Party, *, off_peak: bool = False) -> Decimal:
    """The fare of a party; off-peak sailings are a fifth cheaper, and dogs always pay three euro."""
    fare = ADULT * party.adults + ADULT * CHILD_SHARE * party.children
    if party.adults + party.children >= GROUP_SIZE:
        fare -= fare * GROUP_REBATE
    if off_peak:
        fare *= Decimal("0.8")
    return fare + 3 * party.dogs


def round_to_coins(amount: Decimal) -> Decimal:
    """The nearest ten cents, because the machines hold no smaller coins."""
    return (amount * 10).quantize(Decimal("1")) / 10
