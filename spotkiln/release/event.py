"""Events of a release, for whoever subscribes to them in Prefect."""

from spotkiln.noun import Noun
from spotkiln.release.release import Release

PREFIX = "spotkiln.release."
STARTED = f"{PREFIX}started"


class Event(Noun):
    """`resource` are labels, which an automation matches; `payload` are facts to be told."""

    name: str
    resource: dict[str, str]
    payload: dict[str, str | float | None]


def event_of(release: Release, *, started: bool = False) -> Event:
    """`started`, or how it ended: `released`, `rolled-back`, `unchanged`, `failed` and so on, as
    its outcome is called, with a dash."""
    return Event(
        name=STARTED if started else PREFIX + str(release.outcome).replace("_", "-"),
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
            "cause": "" if started else release.cause,
            "seconds": 0.0 if started else round(release.seconds, 1),
            "usd_per_hour": release.cost.per_hour if release.cost else None,
        },
    )
