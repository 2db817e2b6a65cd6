"""What servers cost."""

import json

import pytest

from spotkiln.aws.serve.price import hourly, pricing_region
from spotkiln.serve.price import Cost, Estimate, Prices, Range, cost_of, estimate
from spotkiln.serve.spec import FleetSpec
from spotkiln.target import Server
from tests.unit import nouns

PRICES = Prices(
    spot={
        "t3.micro": {"eu-west-1a": 0.004, "eu-west-1b": 0.003},
        "t3.small": {"eu-west-1a": 0.008},
    },
    on_demand={"t3.micro": 0.01, "t3.small": 0.02},
)


def test_a_fleet_costs_what_each_of_its_servers_costs() -> None:
    servers = [
        nouns.server("i-1"),
        nouns.server("i-2", type="t3.small"),
        nouns.server("i-3", spot=False),
    ]
    cost = cost_of(servers, PRICES)
    assert cost.per_hour == pytest.approx(0.022)
    assert cost.on_demand == pytest.approx(0.04)
    assert str(cost) == "0.0220 USD per hour, On-Demand 0.0400 USD: 45 % saved"


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (nouns.server("i-1", zone="eu-west-1c"), Cost(per_hour=None, on_demand=0.02)),
        (nouns.server("i-1", type="m5.large"), Cost()),
    ],
)
def test_one_unknown_price_makes_the_sum_unknown(server: Server, expected: Cost) -> None:
    assert cost_of([nouns.server("i-0"), server], PRICES) == expected
    assert "unknown" in str(expected)


def test_no_servers_and_no_prices() -> None:
    assert cost_of([], PRICES) == Cost()
    assert cost_of([nouns.server("i-1")], Prices()) == Cost()
    assert str(Cost()) == "unknown per hour, On-Demand unknown"


def test_an_estimate_spans_the_choices() -> None:
    found = estimate(FleetSpec(capacity=4), PRICES)
    assert found.asked == Range(least=0.012, most=0.032)
    assert found.on_demand == Range(least=0.04, most=0.08)
    assert str(found.asked) == "0.0120 to 0.0320 USD"


def test_an_estimate_counts_the_on_demand_part() -> None:
    found = estimate(FleetSpec(capacity=4, on_demand=1), PRICES)
    assert found.asked.least == pytest.approx(3 * 0.003 + 0.01)
    assert found.asked.most == pytest.approx(3 * 0.008 + 0.02)
    # With no Spot at all its prices do not matter.
    alone = estimate(FleetSpec(capacity=1, on_demand=1), Prices(on_demand={"t3.micro": 0.01}))
    assert alone.asked == Range(least=0.01, most=0.01)
    assert str(alone.asked) == "0.0100 USD"


def test_an_estimate_without_prices() -> None:
    assert estimate(FleetSpec(), Prices()) == Estimate()
    assert str(Range()) == "unknown"
    assert Range().times(2) == Range()


def test_the_price_list() -> None:
    def product(unit: str, price: str) -> str:
        rate = {"unit": unit, "pricePerUnit": {"USD": price}}
        return json.dumps({"terms": {"OnDemand": {"a": {"priceDimensions": {"b": rate}}}}})

    assert list(hourly([product("Hrs", "0.0114"), product("Hrs", "0"), product("GB", "1")])) == [
        0.0114
    ]
    assert list(hourly(["{}", '{"terms": {"Reserved": {}}}'])) == []


def test_the_nearest_region_with_a_price_list() -> None:
    regions = ("eu-west-1", "ap-southeast-2", "us-west-2", "sa-east-1")
    assert [pricing_region(one) for one in regions] == [
        "eu-central-1",
        "ap-south-1",
        "us-east-1",
        "us-east-1",
    ]
