"""Summary: what is derived from a release's book."""

from datetime import datetime

from spotkiln import tags as t
from spotkiln.bake.image_name import image_name
from spotkiln.bake.interpreter import needed
from spotkiln.bake.junit import TestsFailed
from spotkiln.bake.source import commit_url
from spotkiln.errors import GaveWay, SpotkilnError, VerdictError
from spotkiln.keep import hold
from spotkiln.moment import utc
from spotkiln.release import vulnerabilities
from spotkiln.release.book import Book
from spotkiln.release.happening import (
    Answered,
    ChangesSeen,
    CostReckoned,
    Ended,
    FleetsRetired,
    ForeignSeen,
    GatePassed,
    GlassBroken,
    HandedOver,
    Happening,
    ImageReused,
    LaunchChosen,
    LayerBaked,
    LayerChosen,
    LedgerRead,
    LedgerUnread,
    Migrated,
    MigrationChosen,
    NothingMigrated,
    PackagesSeen,
    SizeChosen,
    TestsRan,
    Undone,
    VersionsSeen,
    VulnerabilitiesSeen,
)
from spotkiln.release.migration import of_rollback
from spotkiln.release.release import EndsEarly, Outcome, Release, Timing
from spotkiln.serve import batches, stepping, traffic
from spotkiln.serve.foreign import Foreign, in_words

# Why a run's process was told to end: whether somebody has cancelled the run, if that is known.
TOLD_TO_END = {
    True: "somebody cancelled the run",
    False: "the run's host told it to end",
    None: "the run was cancelled, or its host told it to end",
}


def release_id(app: str, run: str) -> str:
    """The id of the release that a flow run makes."""
    return f"{app}-{run.replace('-', '')[:12]}"


def ref(book: Book) -> str:
    """What was asked for. A rollback was asked for a version: its commit is told instead."""
    return book.commit[:12] if book.way_back else book.heading.spec.app.ref


def way(book: Book) -> str:
    """How a run's name tells of it, if it is not simply a release."""
    if book.way_back is None:
        return ""
    return "restart of" if book.way_back.restarts else "back to"


def name_of_image(book: Book) -> str:
    """The name that the release chose for the image it bakes."""
    return image_name(book.heading.spec.app.name, book.commit, book.heading.id)


def owners(book: Book) -> dict[str, str]:
    """Who owns what the release makes: itself, and a layer that it baked. With each the name that
    was chosen for its image."""
    layers = (one.layer for one in book.every(LayerBaked))
    return {book.heading.id: name_of_image(book), **{x.owner: x.image_name for x in layers}}


def tags(book: Book) -> t.Tags:
    """What everything carries that the release creates."""
    heading = book.heading
    return t.release_tags(
        app=heading.spec.app.name,
        release=heading.id,
        run=heading.run,
        commit=book.commit,
        target_group=heading.spec.infra.target_group,
        own=heading.spec.infra.tags,
    )


def held_commits(book: Book) -> tuple[str, ...]:
    """The commits that the new fleet keeps from being released again unasked."""
    if book.way_back:
        return book.way_back.held
    return hold.after_release(book.serving, book.commit)


def fleet_tags(book: Book) -> t.Tags:
    """A fleet's tags also tell which commits it holds."""
    held = held_commits(book)
    return {**tags(book), **({t.HELD: hold.to_tag(held)} if held else {})}


def why_held(book: Book) -> str:
    """Why the release leaves what serves alone; empty if it need not."""
    spec = book.heading.spec
    return "" if spec.even_if_held else hold.reason(book.serving, book.commit)


def why_untouched(book: Book, *, files_serve: bool) -> str:
    """Why a push is no reason to release this one of several applications in a repository; empty if
    it is. `files_serve`: what serves was made from these very files."""
    spec, pushed = book.heading.spec, book.heading.trigger.kind == "push"
    folder = spec.app.folder
    if not (folder and pushed and files_serve) or spec.force:
        return ""
    return f"the push touches nothing in {folder}, nor what that depends on"


def ending(
    book: Book, error: BaseException, *, cancelled: bool | None = None
) -> tuple[Happening, ...]:
    """What is written of a release that was ended by an error. `cancelled`: whether somebody has
    cancelled its run; None if that is not known."""
    if isinstance(error, EndsEarly):
        return (Ended(outcome=error.outcome, cause=error.why),)
    if isinstance(error, GaveWay):
        return (Ended(outcome=Outcome.SUPERSEDED, cause=str(error)),)
    if not isinstance(error, Exception):
        # The process was told to end: the error's name is Prefect's or Python's, and no cause.
        outcome = _outcome_of_failure(book)
        if outcome is not Outcome.RELEASED:
            outcome = Outcome.CANCELLED
        return (Ended(outcome=outcome, cause=TOLD_TO_END[cancelled]),)
    said = error.message if isinstance(error, VerdictError) else str(error)
    text = said or type(error).__name__
    cause = text if isinstance(error, SpotkilnError) else f"{type(error).__name__}: {text}"
    last_lines = error.last_lines if isinstance(error, VerdictError) else ""
    ended = Ended(outcome=_outcome_of_failure(book), cause=cause, last_lines=last_lines)
    if isinstance(error, TestsFailed) and error.report:
        return TestsRan(report=error.report), ended
    return (ended,)


def _outcome_of_failure(book: Book) -> Outcome:
    begun = {timing.name for timing in book.every(Timing)}
    if "retire" in begun:  # The new fleet serves; what it replaced is not all gone yet.
        return Outcome.RELEASED
    return Outcome.ROLLED_BACK if "launch" in begun else Outcome.FAILED


def kept(book: Book) -> dict[str, str]:
    """What stays after the release and why, by id."""
    layers = [one.image.id for one in book.every(LayerBaked)]
    found = dict.fromkeys(layers, "a layer, which later bakes start from")
    fleet, image = book.fleet, book.image
    if book.outcome is Outcome.RELEASED and fleet:
        found |= dict.fromkeys(fleet.parts, f"of {fleet.id}, which serves")
        found[fleet.id] = "serves"
        if image:
            found |= dict.fromkeys(image.ids, "a version to go back to")
    elif book.heading.spec.keep_rejected and image:
        found |= dict.fromkeys(image.ids, "kept to be looked at")
    return found


def database(book: Book) -> str:
    """What became of the database; empty if there is nothing to tell."""
    if book.way_back:
        return of_rollback(book.way_back.migrations)
    chosen, migrated = book.last(MigrationChosen), book.last(Migrated)
    if chosen is None or not chosen.migration.once:
        return str(chosen.migration) if chosen else ""
    if migrated is None and not _has_begun_to_migrate(book):
        return "not migrated: the release ended before its migration began"
    if migrated is None:
        return f"the migration did not end well, and may have done a part: {chosen.migration}"
    done = f"migrated {chosen.migration}"
    if book.outcome in {Outcome.RELEASED, None}:
        return done
    return f"{done}. It is not migrated back: what serves runs with it"


def _has_begun_to_migrate(book: Book) -> bool:
    """Whether its command may have begun."""
    begun = any(timing.name == "migrate" for timing in book.every(Timing))
    return begun and book.last(NothingMigrated) is None


def _needs(book: Book) -> tuple[str, ...]:
    base = book.infra.base_image if book.infra else None
    return needed(book.source.needs, base.has if base else {}) if book.source else ()


def _vulnerabilities(book: Book, now: datetime) -> tuple[str, ...]:
    seen = book.last(VulnerabilitiesSeen)
    policy = book.heading.spec.vulnerabilities
    return tuple(vulnerabilities.in_words(seen.known, policy, now.date())) if seen else ()


def _batches(book: Book) -> str:
    traffic, size = book.heading.spec.traffic, book.last(SizeChosen)
    if book.infra is None or size is None:
        return ""
    serving = [book.serving] if book.serving else []
    plan = batches.batches(traffic, book.infra, size.size.spec.capacity, serving)
    return batches.in_words(traffic, plan)


def summary(book: Book, now: datetime) -> Release:
    """The release as its book tells it at the time `now`, in UTC."""
    heading, spec, infra, way = book.heading, book.heading.spec, book.infra, book.way_back
    ended = book.last(Ended) or Ended(outcome=Outcome.FAILED)
    layer, launch = book.last(LayerChosen), book.last(LaunchChosen)
    answered, reused, tests = book.last(Answered), book.last(ImageReused), book.last(TestsRan)
    foreign, size, cost = book.last(ForeignSeen), book.last(SizeChosen), book.last(CostReckoned)
    passed, seen, changed = book.last(GatePassed), book.last(VersionsSeen), book.last(ChangesSeen)
    ledger, unread = book.last(LedgerRead), book.last(LedgerUnread)
    broken, packages = book.last(GlassBroken), book.last(PackagesSeen)
    known, handed = book.last(VulnerabilitiesSeen), book.last(HandedOver)
    others = foreign.foreign if foreign else Foreign()
    return Release(
        id=heading.id,
        app=spec.app.name,
        deployment=heading.deployment,
        ref=ref(book),
        commit=book.commit,
        subject=book.source.subject if book.source else "",
        committed=book.source.committed if book.source else None,
        served=book.served,
        changes=changed.changes if changed else None,
        packages=packages.changed if packages else (),
        known=known.known if known else None,
        vulnerabilities=_vulnerabilities(book, now),
        commit_url=commit_url(spec.app.repository, book.commit),
        trigger=heading.trigger,
        broke_glass=f"{broken.who}, though {broken.frozen}" if broken else "",
        why=spec.why,
        approval=str((answered and answered.answer) or ""),
        run=heading.run,
        url=heading.url,
        outcome=ended.outcome,
        cause=ended.cause,
        last_lines=ended.last_lines,
        started=book.started,
        ended=now,
        target_group=spec.infra.target_group,
        region=infra.region if infra else spec.infra.region,
        address=infra.address if infra else "",
        image=book.image,
        reused=reused.why if reused else "",
        layer=layer.why if layer else "",
        settings=book.source.settings if book.source else (),
        needs=_needs(book),
        back_to=utc(way.version.released) if way else "",
        restarted=way is not None and way.restarts,
        tests=tests.report if tests else None,
        database=database(book),
        fleet=book.fleet,
        foreign=tuple(in_words(others, adopt=spec.infra.adopt)),
        size=size.size.in_words if size else "",
        launched=launch.words if launch else "",
        requests=traffic.in_words(spec.traffic, infra) if infra else "",
        handed_over=stepping.in_words(handed.steps) if handed else "",
        batches=_batches(book),
        servers=passed.servers if passed else (),
        cost=cost.cost if cost else None,
        versions=seen.versions if seen else (),
        retired=tuple(fleet for one in book.every(FleetsRetired) for fleet in one.fleets),
        undone=tuple(one.what for one in book.every(Undone)),
        ledger=ledger.entries if ledger else (),
        ledger_unread=unread.why if unread else "",
        timings=tuple(book.every(Timing)),
    )
