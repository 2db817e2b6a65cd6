"""Which of Prefect's two interfaces a link opens."""

import pytest

from spotkiln.start.ui import newer, origin


@pytest.mark.parametrize(
    ("address", "opens"),
    [
        ("http://127.0.0.1:4200", "http://127.0.0.1:4200/v2"),
        ("https://prefect.example.com/", "https://prefect.example.com/v2"),
        # Somebody has chosen, or it is another server than Prefect's own.
        ("http://ui.test/v2", "http://ui.test/v2"),
        ("https://ui.test/team", "https://ui.test/team"),
    ],
)
def test_the_newer_one(address: str, opens: str) -> None:
    assert newer(address) == opens


@pytest.mark.parametrize(
    "address", ["https://ui.test:81", "https://ui.test:81/v2", "https://ui.test:81/"]
)
def test_an_origin_has_no_path(address: str) -> None:
    assert origin(address) == "https://ui.test:81"
