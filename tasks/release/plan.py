"""What a release would do, by the very steps that it would take; nothing is changed."""

from prefect import task

from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import connect
from spotkiln.release.job import Job
from spotkiln.release.plan import Plan, make_plan
from spotkiln.serve.capacity import size
from spotkiln.serve.price import estimate
from spotkiln.serve.serving import replaceable
from spotkiln.tasks.bake.image import find_image
from spotkiln.tasks.serve.fleet import find_serving, is_unchanged
from spotkiln.tasks.serve.foreign import find_foreign
from spotkiln.tasks.serve.price import prices
from spotkiln.tasks.serve.quota import quota_lines
from spotkiln.tasks.step import STEP


@task(name="plan", task_run_name="1 look up: what would change", **STEP)
def plan_release(job: Job) -> Plan:
    """Everything that the release would find, as it is now."""
    spec, infra = job.spec, job.infra
    serving = find_serving.fn(infra)
    found = find_image.fn(job, serving)
    unchanged = bool(
        found.image
        and serving
        and not spec.force
        and is_unchanged.fn(infra, spec.fleet, found.image, serving[0])
    )
    foreign = find_foreign.fn(infra)
    adopted = foreign.adoptable if infra.adopt else []
    wanted = size(spec.fleet, [*serving[:1], *adopted])
    known = prices(infra.region, spec.fleet.instance_types, infra.zones)
    return make_plan(
        spec,
        infra,
        job.source,
        job.recipe.digest,
        found=found,
        serving=serving,
        retire=replaceable(launchers(connect(infra.region)).listing(), infra.target_group.arn),
        unchanged=unchanged,
        size=wanted,
        foreign=foreign,
        quotas=[] if unchanged else quota_lines(infra, wanted.spec),
        price=estimate(wanted.spec, known),
    )
