"""Metrics in OpenMetrics' form, for Prometheus: what the receiver does, and the figures of all
applications. The figures are read beside the requests; a scrape never waits for Prefect."""

import asyncio
import hmac
import logging
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from spotkiln.errors import SpotkilnError
from spotkiln.prefect_api import figures
from spotkiln.prefect_api.connection import connect
from spotkiln.show.figures import Figures

CONTENT_TYPE = CONTENT_TYPE_LATEST
# So often the figures are reckoned anew.
FRESH_SECONDS = 300.0
log = logging.getLogger("spotkiln.receiver")


class _OfApplications(Collector):
    """One gauge a figure; what is not known is left out."""

    def __init__(self) -> None:
        self.known: tuple[Figures, ...] = ()

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        for name, words, unit, value in _GAUGES:
            made = GaugeMetricFamily(name, words, labels=["application"], unit=unit)
            for one in self.known:
                if (found := value(one)) is not None:
                    made.add_metric([one.name], found)
            yield made


_GAUGES = (
    (
        "spotkiln_releases", "Releases that came to serve in the last 30 days.", "",
        lambda one: float(one.releases),
    ),
    (
        "spotkiln_releases_stopped", "Releases of 30 days that ended before they served.", "",
        lambda one: float(one.stopped),
    ),
    (
        "spotkiln_commit_to_serving_seconds", "From commit to serving, the median of 30 days.",
        "seconds", lambda one: one.lead_seconds,
    ),
    (
        "spotkiln_change_failure_ratio", "Releases of 30 days that a rollback left.", "ratio",
        lambda one: one.failure_ratio,
    ),
    (
        "spotkiln_restored_seconds", "From a bad release to the rollback, the median of 30 days.",
        "seconds", lambda one: one.restored_seconds,
    ),
    (
        "spotkiln_saved_usd", "Saved against On-Demand in the last 30 days, in US dollars.", "usd",
        lambda one: one.saved_usd,
    ),
)  # fmt: skip


class Metrics:
    """All that a scrape tells."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._applications = _OfApplications()
        self._registry.register(self._applications)
        self._deliveries = Counter(
            "spotkiln_deliveries", "Deliveries of pushes, by what became of them.",
            ["host", "state"], registry=self._registry,
        )  # fmt: skip
        self._waiting = Gauge(
            "spotkiln_deliveries_waiting", "Deliveries that wait for Prefect.",
            registry=self._registry,
        )  # fmt: skip
        self._fresh = Gauge(
            "spotkiln_figures_timestamp_seconds", "When the figures were reckoned last.",
            registry=self._registry,
        )  # fmt: skip

    def delivered(self, host: str, state: str) -> None:
        self._deliveries.labels(host, state).inc()

    def learn(self, found: Iterable[Figures]) -> None:
        self._applications.known = tuple(found)
        self._fresh.set_to_current_time()

    def text(self, waiting: int) -> bytes:
        self._waiting.set(waiting)
        return bytes(generate_latest(self._registry))  # type: ignore[no-untyped-call]

    async def keep_fresh(self) -> None:
        """Reckon the figures again and again. Never returns."""
        while True:
            try:
                async with connect() as api:
                    self.learn(await figures.all_of(api))
            except SpotkilnError as error:
                log.info("the figures could not be reckoned: %s", error)
            await asyncio.sleep(FRESH_SECONDS)


def may_scrape(authorization: str, secrets: Mapping[str, str]) -> bool:
    """Whether it is `Bearer` with one of the secrets."""
    kind, _, given = authorization.partition(" ")
    sent = given.strip().encode()
    return kind.lower() == "bearer" and any(
        hmac.compare_digest(sent, one.encode()) for one in secrets.values()
    )
