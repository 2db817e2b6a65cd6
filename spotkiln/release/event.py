"""Events: what is told in Prefect's event feed, for automations and other subscribers."""

from spotkiln.noun import Noun
from spotkiln.release.release import Release

PREFIX = "spotkiln.release."
STARTED = f"{PREFIX}started"


class Event(Noun):
    """`resource` are the labels that an automation matches, `payload` the facts that it can
    tell."""

    name: str
    resource: dict[str, str]
    payload: dict[str, str | float | None]


def event_of(release: Release, *, started: bool = False) -> Event:
    """The event of a release. Its name ends with `started`, or with the outcome: `released`,
    `rolled-back`, `unchanged`, `failed` and so on."""
    return Event(
        name=STARTED if started else PREFIX + str(release.outcome).replace(" ", "-"),
        resource={
            "prefect.resource.id": f"spotkiln.app.{release.app}",
            "prefect.resource.name": release.app,
            "spotkiln.target-group": release.target_group,
            "spotkiln.region": release.region,
            "spotkiln.trigger": release.trigger.kind,
        },
        payload={
            "app": release.app,
            "release": release.id,
            "ref": release.ref,
            "commit": release.commit,
            "subject": release.subject,
            "commit_url": release.commit_url,
            "trigger": str(release.trigger),
            "run_url": release.url,
            "image": release.image.id if release.image else "",
            "fleet": release.fleet.id if release.fleet else "",
            "broke_glass": release.broke_glass,
            "cause": "" if started else release.cause,
            "seconds": 0.0 if started else round(release.seconds, 1),
            "usd_per_hour": release.cost.per_hour if release.cost else None,
        },
    )
