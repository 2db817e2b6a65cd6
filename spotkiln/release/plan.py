"""Plan: what a release would do."""

from collections.abc import Sequence

from spotkiln.bake import configuration, further
from spotkiln.bake.changes import Changes, Dependency, shortened
from spotkiln.bake.infra import Infra, TargetGroup
from spotkiln.bake.interpreter import needed
from spotkiln.bake.layer import Layered
from spotkiln.bake.reuse import Reuse
from spotkiln.bake.source import Source
from spotkiln.keep.hold import reason
from spotkiln.noun import Noun
from spotkiln.release.launching import in_words as launched_in_words
from spotkiln.release.launching import why_after_tests
from spotkiln.release.migration import plan_migration
from spotkiln.release.release import ReleaseSpec
from spotkiln.serve import batches
from spotkiln.serve.attributes import types_in_words
from spotkiln.serve.capacity import Size
from spotkiln.serve.fleet import Fleet, name_of
from spotkiln.serve.foreign import Foreign, in_words
from spotkiln.serve.gate import GatePolicy, limits
from spotkiln.serve.price import Estimate, Range
from spotkiln.serve.spec import FleetSpec
from spotkiln.serve.traffic import in_words as in_words_of_traffic
from spotkiln.serve.traffic import seconds_of
from spotkiln.target import DRAIN_SLACK_SECONDS

# All of them are on the release's page.
COMMITS_TOLD = 10
PACKAGES_TOLD = 10


class Plan(Noun):
    """What a release would do.

    `image` is the one to reuse; empty if one would be baked. `why` and `differ` say why, and
    `files_serve` whether what serves was made from these very files. `copies`: the image would be
    copied from elsewhere. `serving` is the fleet that
    serves now, and `retire` are the fleets that would go. The seconds count from the launch until
    the old servers have drained. Prices are in USD per hour; `both` is the price while old and new
    servers run side by side, as if the old ones were of the same types. `packages` are Debian's
    that differ between the image that serves and the one to reuse, else the base image.

    In words for people: `launch` is what EC2 is asked for, `launched` whether while a new image is
    still tested, `requests` how those are handed over where there are two target groups, `batches`
    in which the servers come where there is one, `further` which other target groups they join or
    leave, `doubts` what of those the application does not say that it answers, `layer` what the
    bake starts from, `foreign` what serves and is not ours, `changes` are those since what serves,
    None if that is not known, `configuration` which settings are there, by name, `needs` what the
    base image must have, `quotas` where the account may have no room, `held` why a release would
    do nothing after a rollback, `frozen` until when it would wait, `database` whether it would be
    migrated.
    """

    app: str
    ref: str
    commit: str
    subject: str
    infra: Infra
    recipe: str
    image: str
    why: str
    differ: tuple[str, ...]
    layer: str = ""
    files_serve: bool = False
    copies: bool = False
    unchanged: bool
    capacity: int
    database: str = ""
    changes: Changes | None = None
    launch: str
    launched: str = ""
    requests: str = ""
    batches: str = ""
    further: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    configuration: tuple[str, ...] = ()
    held: str = ""
    frozen: str = ""
    quotas: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    packages: tuple[Dependency, ...] = ()
    serving: Fleet | None = None
    retire: tuple[Fleet, ...]
    at_least_seconds: float
    at_most_seconds: float
    price: Estimate = Estimate()
    both: Range = Range()


def doubled(policy: GatePolicy, *groups: TargetGroup) -> tuple[float, float]:
    """For how many seconds old and new servers run side by side: at least as long as the wanted
    health checks, a slow start and draining take; at most as long as the deadlines allow."""
    bounds = limits(policy, *groups)
    delay = max(one.deregistration_delay for one in groups)
    least = max(bounds.settle, bounds.slow_start) + delay
    most = bounds.ceiling + delay + DRAIN_SLACK_SECONDS
    return least, most


def side_by_side(price: Estimate, spec: FleetSpec, old: Sequence[Fleet]) -> Range:
    """The price of the new fleet and the old ones together."""
    servers = spec.capacity + sum(fleet.capacity for fleet in old)
    return price.asked.times(servers / spec.capacity)


def make_plan(
    spec: ReleaseSpec,
    infra: Infra,
    source: Source,
    recipe: str,
    *,
    found: Reuse,
    layered: Layered | None = None,
    serving: Sequence[Fleet],
    retire: Sequence[Fleet],
    unchanged: bool,
    size: Size,
    foreign: Foreign,
    quotas: Sequence[str],
    price: Estimate,
    changes: Changes | None = None,
) -> Plan:
    policy = spec.gate_for(source)
    least, most = doubled(policy, *infra.groups)
    steps = seconds_of(spec.traffic, infra)
    in_batches = batches.batches(spec.traffic, infra, size.spec.capacity, serving)
    bounds = limits(policy, *infra.groups)
    gate = max(bounds.settle, bounds.slow_start), bounds.ceiling
    later = batches.seconds_of(spec.traffic, in_batches, gate)
    adopted = foreign.adoptable if infra.adopt else []
    old = () if unchanged else (*retire, *adopted)
    group, app = infra.target_group.name, source.app
    migration = plan_migration(app, source.migrations, found, group, force=spec.force)
    after = why_after_tests(spec, infra, app, migration)
    behind = tuple(map(name_of, serving[0].also)) if serving else ()
    return Plan(
        app=spec.app.name,
        ref=spec.app.ref,
        commit=source.commit,
        subject=source.subject,
        infra=infra,
        recipe=recipe,
        image=found.image.id if found.image else "",
        why=found.why,
        differ=found.differ,
        layer=layered.why if layered else "",
        files_serve=found.files_serve,
        copies=found.copies,
        unchanged=unchanged,
        capacity=size.spec.capacity,
        launch="; ".join([size.in_words, *([types_in_words(infra.types)] if infra.types else [])]),
        launched="" if found.image or found.copies else launched_in_words(infra, after),
        requests=in_words_of_traffic(spec.traffic, infra),
        batches=batches.in_words(spec.traffic, in_batches),
        further=tuple(further.in_words(infra, behind)),
        doubts=tuple(further.doubts(app, infra)),
        database=str(migration),
        changes=changes,
        quotas=tuple(quotas),
        needs=needed(source.needs, infra.base.has),
        foreign=tuple(in_words(foreign, adopt=infra.adopt)),
        configuration=tuple(configuration.in_words(infra.configuration, source.app.config)),
        held="" if spec.even_if_held else reason(serving[0] if serving else None, source.commit),
        serving=serving[0] if serving else None,
        retire=old,
        at_least_seconds=least + steps[0] + later[0],
        at_most_seconds=most + steps[1] + later[1],
        price=price,
        both=side_by_side(price, size.spec, old),
    )


def compared_images(plan: Plan) -> tuple[str, str] | None:
    """The image that serves, and what tells which packages of Debian's would be there instead: the
    image to reuse, else the base image. None if nothing of ours serves."""
    if plan.serving is None:
        return None
    return plan.serving.image, plan.image or plan.infra.base.id


def _changes(changes: Changes | None) -> list[str]:
    """The newest commits by name, then what becomes of dependencies."""
    if changes is None:
        return []
    subjects = [f"{one.commit[:12]} {one.subject}" for one in changes.commits[:COMMITS_TOLD]]
    return [str(changes), *subjects]


def _image(plan: Plan) -> str:
    if plan.image:
        return f"reuse {plan.image}"
    return "copy what was tested elsewhere" if plan.copies else "bake and test anew"


def what_would_change(plan: Plan) -> list[str]:
    """A plan in words, line by line."""
    now = plan.serving
    lines = [
        f"{plan.app} {plan.ref} is {plan.commit[:12]}: {plan.subject}",
        f"serves now: {now.id} with commit {now.commit[:12]}" if now else "serves now: nothing",
        f"image: {_image(plan)}: {plan.why}",
    ]
    lines += [f"changes: {line}" for line in _changes(plan.changes)]
    packages = shortened(plan.packages, PACKAGES_TOLD)
    lines += [f"Debian packages: {packages}"] if packages else []
    lines += [f"dependencies: {plan.layer}"] if plan.layer else []
    lines += [f"the base image must have {line}" for line in plan.needs]
    lines += [f"not ours: {line}" for line in plan.foreign]
    lines += [f"configuration: {line}" for line in plan.configuration]
    if plan.held:
        return [*lines, f"nothing would be done: {plan.held}"]
    if plan.frozen:
        lines.append(f"it would wait: {plan.frozen}")
    if plan.unchanged:
        return [*lines, "nothing to do: it serves already"]
    if plan.database:
        lines.append(f"database: {plan.database}")
    price = f"{plan.price.asked} per hour (all On-Demand: {plan.price.on_demand})"
    lines.append(f"launch: {plan.launch}; {price}")
    lines += [f"launched {plan.launched}"] if plan.launched else []
    lines += [f"requests {plan.requests}"] if plan.requests else []
    lines += [f"servers {plan.batches}"] if plan.batches else []
    lines += [f"servers {line}" for line in plan.further]
    lines += [f"target group {line}" for line in plan.doubts]
    lines += plan.quotas
    if not plan.retire:
        return [*lines, "retire: nothing, for nothing of ours serves"]
    old = ", ".join(f"{one.id} ({one.capacity} instances)" for one in plan.retire)
    least, most = f"{plan.at_least_seconds:.0f} s", f"{plan.at_most_seconds:.0f} s"
    return [
        *lines,
        f"retire: {old}",
        f"old and new side by side: {least} at least, {most} at most, {plan.both} per hour",
    ]
