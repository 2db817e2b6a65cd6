"""Finds out what a release would do, by the functions that the release itself calls."""

import logging
from collections.abc import Sequence

from spotkiln.aws.bake.layer import find_layer
from spotkiln.aws.bake.reuse import find_image
from spotkiln.aws.serve.foreign import find_foreign
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.serve.price import known_prices
from spotkiln.aws.serve.quota import doubts
from spotkiln.aws.serve.serving import is_unchanged, serving_alone
from spotkiln.aws.session import Aws
from spotkiln.bake.changes import Changes
from spotkiln.bake.history import changes_since
from spotkiln.errors import SpotkilnError
from spotkiln.keep.heartbeat import Say
from spotkiln.poll import Clock
from spotkiln.release.job import Job
from spotkiln.release.plan import Plan, make_plan
from spotkiln.serve.capacity import size
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.price import estimate
from spotkiln.serve.serving import replaceable


def _changes(job: Job, serving: Sequence[Fleet], say: Say) -> Changes | None:
    """Since what serves. A plan that cannot tell them is a plan even so."""
    since = serving[0].commit if serving else ""
    if not since or since == job.source.commit:
        return None
    try:
        return changes_since(job.spec.app, since, job.source.commit, job.folder / "changes")
    except SpotkilnError as error:
        say(str(error), logging.WARNING)
        return None


def plan_release(aws: Aws, job: Job, *, clock: Clock, say: Say) -> Plan:
    """Everything that the release would find, as it is now. Reads only."""

    def tell(text: str) -> None:
        say(text, logging.INFO)

    spec, infra = job.spec, job.infra
    serving = serving_alone(aws, infra)
    found = find_image(aws, job, serving, tell)
    unchanged = bool(
        found.image
        and serving
        and not spec.force
        and is_unchanged(aws, infra, spec.fleet, found.image, serving[0], clock, tell)
    )
    foreign = find_foreign(aws, infra, tell)
    adopted = foreign.adoptable if infra.adopt else []
    wanted = size(spec.fleet, [*serving[:1], *adopted], aws.now())
    prices = known_prices(aws, spec.fleet.of_types(infra.types).instance_types, infra.zones, say)
    return make_plan(
        spec,
        infra,
        job.source,
        job.recipe.digest,
        found=found,
        layered=None if found.image or found.copies else find_layer(aws, job),
        serving=serving,
        retire=replaceable(launchers(aws).listing(), infra.home.arn),
        unchanged=unchanged,
        size=wanted,
        foreign=foreign,
        quotas=[] if unchanged else doubts(aws, wanted.spec.of_types(infra.types), refuse=False),
        price=estimate(wanted.spec, prices),
        changes=_changes(job, serving, say),
    )
