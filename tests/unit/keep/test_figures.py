"""The page of figures: once a day, and nothing fails by it."""

from datetime import UTC, datetime

import pytest

from spotkiln.errors import PrefectAway
from spotkiln.prefect_api import artifact
from spotkiln.show.chart import page
from spotkiln.show.figures import reckon
from spotkiln.tasks.keep import figures


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pages that were published."""
    found: list[str] = []
    monkeypatch.setattr(
        figures, "create_markdown_artifact", lambda *, markdown, **_: found.append(markdown)
    )
    monkeypatch.setattr(figures, "say", lambda *_: None)
    return found


def answers(monkeypatch: pytest.MonkeyPatch, last: str | None, releases: int = 1) -> None:
    today = [reckon("shop", [], datetime.now(UTC)).model_copy(update={"releases": releases})]
    monkeypatch.setattr(figures, "ask", lambda what, *_: last if what is artifact.latest else today)


def test_it_is_published_once_a_day(monkeypatch: pytest.MonkeyPatch, made: list[str]) -> None:
    answers(monkeypatch, page([reckon("shop", [], datetime(2024, 5, 1, tzinfo=UTC))]))
    assert figures.publish_figures.fn()
    answers(monkeypatch, made[0])
    assert not figures.publish_figures.fn()
    assert len(made) == 1


def test_there_is_no_page_of_zeros_before_the_first_release(
    monkeypatch: pytest.MonkeyPatch, made: list[str]
) -> None:
    answers(monkeypatch, None, releases=0)
    assert not figures.publish_figures.fn()
    answers(monkeypatch, None)
    assert figures.publish_figures.fn()
    # Later a month without any is told.
    answers(monkeypatch, page([reckon("shop", [], datetime(2024, 5, 1, tzinfo=UTC))]), releases=0)
    assert figures.publish_figures.fn()


def test_without_prefect_nothing_fails(monkeypatch: pytest.MonkeyPatch, made: list[str]) -> None:
    def away(*_: object) -> None:
        raise PrefectAway("it does not answer")

    monkeypatch.setattr(figures, "ask", away)
    assert not figures.publish_figures.fn()
    answers(monkeypatch, None)

    def refuses(**_: object) -> None:
        raise RuntimeError("503")

    monkeypatch.setattr(figures, "create_markdown_artifact", refuses)
    assert not figures.publish_figures.fn()
    assert made == []
