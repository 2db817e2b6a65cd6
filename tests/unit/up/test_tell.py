"""What is told of what runs."""

from examples.up.tell import addresses


def test_a_pairs_address_is_told_once() -> None:
    told = {"website-green": "http://a:1", "website": "http://a:1", "dice": "http://a:2"}
    assert list(addresses(told).items()) == [("dice", "http://a:2"), ("website", "http://a:1")]
