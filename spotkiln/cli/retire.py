"""Takes an application down: says what goes, asks, and starts the run that does it."""

import sys
from collections.abc import Callable

from spotkiln.aws.keep import preview as previews
from spotkiln.aws.session import connect, resolve_region
from spotkiln.cli import status as seeing
from spotkiln.cli.deployment import beside, find, listing
from spotkiln.cli.output import tell
from spotkiln.cli.runs import start
from spotkiln.cli.typed import require_the_same
from spotkiln.errors import InputError, SpotkilnError
from spotkiln.keep.takedown import Old
from spotkiln.noun import Noun
from spotkiln.release.release import ReleaseSpec
from spotkiln.start.deployment import (
    APPLICATION,
    PREVIEW,
    RELEASE,
    RETIRE,
    Account,
    Deployment,
    of_account,
)
from spotkiln.start.settings import settings
from spotkiln.start.takedown import Place, is_last, previews_of, require_alone

Ask = Callable[[str], str]


class Consent(Noun):
    """What a person has said so far: what becomes of the versions (None: nothing yet), and the name
    that was typed with --yes."""

    versions: Old | None = None
    yes: str = ""


class Previews(Noun):
    """What goes of them: the deployments that make them, and the host names of those that are
    there; None where this terminal may not look."""

    deployments: tuple[str, ...] = ()
    hosts: tuple[str, ...] | None = ()

    def __str__(self) -> str:
        if self.hosts is None:
            return "all there are (this terminal cannot tell which)"
        return ", ".join(self.hosts) or "none is there"


def what_goes(
    name: str, spec: ReleaseSpec, status: seeing.Status | None, previews: Previews | None = None
) -> str:
    """In words. `status` is None where this terminal may not look; `previews` where they stay."""
    group = spec.infra.target_group
    if status is None:
        serves = f"what serves target group {group} (this terminal cannot tell what that is)"
    elif not status.fleet:
        serves = f"nothing: no server of {spec.app.name} serves target group {group}"
    else:
        ours = sum(one.fleet == status.fleet for one in status.servers)
        others = len(status.servers) - ours
        rest = f"{others} others go on serving" if others else "the last ones: nothing will answer"
        serves = f"{ours} servers of target group {group} ({status.fleet}), {rest}"
    makers = previews.deployments if previews else ()
    deployments = ", ".join((f"{RELEASE}/{name}", f"rollback/{name}", *makers))
    return "\n".join(
        [
            f"{name} is retired. There will go:",
            f"  servers: {serves}",
            *([f"  previews: {previews}"] if previews else []),
            f"  deployments: {deployments}, with schedules and automations",
        ]
    )


def agree(name: str, told: str, consent: Consent, ask: Ask | None) -> Old:
    """What becomes of the versions, once a person has agreed; `ask` is None in a pipe.

    Raises:
        InputError: nobody agreed.
    """
    require_the_same(name, consent.yes)
    if consent.yes and consent.versions:
        return consent.versions
    if ask is None:
        raise InputError(
            f"not a terminal: say `--yes {name} --versions keep` or `--versions discard`"
        )
    tell(told, aside=True)
    versions = consent.versions or _choice(ask)
    if consent.yes:
        return versions
    if ask(f"Versions: {versions}. End what serves? [y/N] ").strip().lower() not in {"y", "yes"}:
        raise InputError("nothing was changed")
    if ask(f"Type the name {name} to retire it: ").strip() != name:
        raise InputError("that is not its name; nothing was changed")
    return versions


def _choice(ask: Ask) -> Old:
    answer = ask("Its versions (images that served): keep or discard? ").strip().lower()
    if answer not in set(Old):
        raise InputError(f"expected keep or discard, got {answer!r}; nothing was changed")
    return Old(answer)


def _typed(question: str) -> str:
    """The answer to it; the question goes to stderr, for stdout may be a program's."""
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline()


def _look(spec: ReleaseSpec) -> seeing.Status | None:
    try:
        return seeing.look(spec)
    except SpotkilnError:
        return None


def _of(flow: str, account: Account) -> list[Deployment]:
    """Its deployments in one account: another one's may have the same names."""
    return of_account(listing(flow), account)


def _look_at_previews(place: Place, account: Account) -> Previews | None:
    """Of an application that is released nowhere else in the region; None if it has none."""
    makers = tuple(one.name for one in previews_of(_of(PREVIEW, account), place))
    try:
        every = previews.listing(connect(place.region))
    except SpotkilnError:
        return Previews(deployments=makers, hosts=None) if makers else None
    hosts = tuple(one.host for one in every if one.app == place.app)
    return Previews(deployments=makers, hosts=hosts) if makers or hosts else None


def _region(spec: ReleaseSpec) -> str:
    """Empty where this terminal does not know it: the worker does."""
    try:
        return resolve_region(spec.infra.region)
    except SpotkilnError:
        return spec.infra.region


def retire(name: str, consent: Consent) -> str:
    """Start its run; the run's id.

    Raises:
        InputError: nobody agreed, or another deployment releases to the same target group.
    """
    deployment = find(RELEASE, name)
    errand = beside(RETIRE, APPLICATION, deployment)
    spec = settings(deployment)
    own = deployment.short
    group = spec.infra.target_group
    place = Place(app=spec.app.name, region=_region(spec), target_group=group)
    releases = _of(RELEASE, deployment.account)
    require_alone(releases, place, own)
    ask = _typed if sys.stdin.isatty() and sys.stderr.isatty() else None
    told = ""
    if ask is not None:
        leaving = _look_at_previews(place, deployment.account) if is_last(releases, place) else None
        told = what_goes(own, spec, _look(spec), leaving)
    versions = agree(own, told, consent, ask)
    parameters = {
        "deployment": own,
        "app": spec.app.name,
        "versions": str(versions),
        "confirm": own,
        "target_group": group,
        "region": spec.infra.region,
        "last_servers": True,
    }
    return start(errand, parameters)
