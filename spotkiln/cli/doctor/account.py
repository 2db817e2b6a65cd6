"""Checks of what one deployment names in AWS, of rights and of quotas."""

from collections.abc import Callable
from functools import cache

from spotkiln.aws.bake import image as images
from spotkiln.aws.bake import infra as aws_infra
from spotkiln.aws.bake.configuration import find_configuration
from spotkiln.aws.bake.elsewhere import find_bases
from spotkiln.aws.bake.further import find_further
from spotkiln.aws.bake.instance_types import types_with
from spotkiln.aws.bake.mounts import find_mounts
from spotkiln.aws.bake.network import network_of
from spotkiln.aws.bake.starts import base_images
from spotkiln.aws.release import rights as simulating
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.serve.own_template import find_own
from spotkiln.aws.serve.quota import doubts
from spotkiln.aws.serve.serving import serving_at
from spotkiln.aws.serve.signals import alarms
from spotkiln.aws.session import Aws
from spotkiln.bake.configuration import in_words, require_names, require_profile
from spotkiln.bake.contents import Contents
from spotkiln.bake.infra import BaseImage
from spotkiln.cli import plan
from spotkiln.cli.doctor.check import Check, check
from spotkiln.cli.doctor.keys import own_keys
from spotkiln.cli.doctor.roles import fleets_rights, names_of, servers_rights
from spotkiln.errors import InputError, SpotkilnError
from spotkiln.prefect_api import contents
from spotkiln.prefect_api.connection import ask
from spotkiln.release.key_statements import OWN_KEYS
from spotkiln.release.optional_statements import PREVIEWS
from spotkiln.release.parts import advice
from spotkiln.release.release import ReleaseSpec
from spotkiln.release.rights import Names
from spotkiln.serve.attributes import types_in_words
from spotkiln.serve.capacity import size
from spotkiln.serve.serving import require_own
from spotkiln.serve.spec import LauncherKind


def examine(about: str, aws: Aws, spec: ReleaseSpec, *, reached: bool) -> list[Check]:
    """`reached`: its repository could be read."""
    found = named(about, aws, spec)
    checks = [*found, check(about, "rights", lambda: rights(aws, spec))]
    if spec.fleet.launcher is LauncherKind.FLEET:
        checks.append(check(about, "fleet role's rights", lambda: fleets_rights(aws, spec)))
    if spec.vulnerabilities.asked:
        checks.append(check(about, "vulnerability data", lambda: vulnerability_data(aws, spec)))
    if all(one.ok for one in found):
        checks.append(check(about, "quotas", lambda: quotas(aws, spec)))
        if reached:
            checks.append(check(about, "plan", lambda: whole(spec)))
    return checks


def named(about: str, aws: Aws, spec: ReleaseSpec) -> list[Check]:
    """Each name is looked up by itself, so that all that are missing are told at once. What was
    found is told by its name."""
    names = spec.infra

    def groups() -> str:
        vpc = aws_infra.target_group(aws, names.target_group).vpc
        aws_infra.security_groups(aws, vpc, names.security_groups)
        return ", ".join(names.security_groups)

    def role() -> str:
        launcher = launchers(aws).for_spec(spec.fleet)
        needs = launcher.role(names)
        return names.fleet_role if needs else f"none: {launcher.name} has its own"

    probes: dict[str, Callable[[], str]] = {
        "target group": lambda: aws_infra.target_group(aws, names.target_group).name,
        "security groups": groups,
        "fleet role": role,
        "base image": lambda: ", ".join(one.name for one in _bases(aws, spec)),
    }
    if names.subnets or spec.build.subnet:
        probes["subnets"] = lambda: _subnets(aws, spec)
    if names.instance_profile:
        probes["instance profile"] = lambda: _profile(aws, names.instance_profile)
    if names.key_pair:
        probes["key pair"] = lambda: aws_infra.key_pair(aws, names.key_pair)
    if names.mounts:
        probes["mounts"] = lambda: mounts(aws, spec)
    if spec.configuration.asked:
        probes["configuration"] = lambda: configuration(aws, spec, needed(aws, spec))
    probes |= {**_of_traffic(aws, spec), **_of_machines(aws, spec)}
    return [check(about, name, probe) for name, probe in probes.items()]


def _of_traffic(aws: Aws, spec: ReleaseSpec) -> dict[str, Callable[[], str]]:
    """How requests would come to new servers, where a deployment says more than one group."""
    probes: dict[str, Callable[[], str]] = {}
    if spec.infra.second_target_group:
        probes["second target group"] = lambda: second(aws, spec)
    elif spec.traffic.batches:
        probes["batches"] = lambda: batches(aws, spec)
    if spec.infra.also_behind:
        probes["also behind"] = lambda: further(aws, spec)
    if spec.infra.also_behind or spec.infra.logs.group:
        probes["servers' rights"] = lambda: servers_rights(aws, spec)
    return probes


def _of_machines(aws: Aws, spec: ReleaseSpec) -> dict[str, Callable[[], str]]:
    """What servers are launched by and on, where a deployment says it."""
    probes: dict[str, Callable[[], str]] = {}
    if spec.infra.launch_template:
        probes["launch template"] = lambda: _template(aws, spec.infra.launch_template)
    if spec.fleet.attributes.used:
        probes["instance types"] = lambda: types_in_words(_types(aws, spec))
    return probes


def _profile(aws: Aws, name: str) -> str:
    aws_infra.instance_profile(aws, name)
    return name


def _types(aws: Aws, spec: ReleaseSpec) -> tuple[str, ...]:
    """Those that have the fleet's attributes; none if it names its types."""
    if not spec.fleet.attributes.used:
        return ()
    images = _bases(aws, spec)
    return types_with(aws, spec.fleet.attributes, *(one.architecture for one in images))


def _bases(aws: Aws, spec: ReleaseSpec) -> tuple[BaseImage, ...]:
    """Where nothing is baked, those that what was released elsewhere was baked on."""
    if there := spec.images.take_from:
        return find_bases(aws, there, spec.app.name)
    return base_images(aws, spec.infra)


def _template(aws: Aws, asked: str) -> str:
    found = find_own(aws, asked)
    return found.in_words if found else "none"


def _subnets(aws: Aws, spec: ReleaseSpec) -> str:
    group = aws_infra.target_group(aws, spec.infra.target_group)
    network = network_of(aws, spec.infra, spec.build, group)
    return f"servers in {', '.join(network.servers)}, builders in {', '.join(network.builders)}"


def second(aws: Aws, spec: ReleaseSpec) -> str:
    """How requests would be handed over: that there are the rules, alarms and the listener."""
    names = spec.infra
    first = aws_infra.target_group(aws, names.target_group)
    named = names.second_target_group
    second = aws_infra.target_group(aws, named) if named else None
    other, rules, smoke = aws_infra.second_of(aws, names, first, second)
    alarms(aws, spec.traffic.alarms)
    if spec.traffic.smoke and smoke is None:
        raise InputError("traffic.smoke is set, and infra.test_port is not")
    name = other.name if other else "none"
    ruled = f"{len(rules)} rule{'s' if len(rules) > 1 else ''}"
    return f"{name}, {ruled} with both; {', '.join(map(str, spec.traffic.plan()))}"


def further(aws: Aws, spec: ReleaseSpec) -> str:
    """The further target groups, which nobody else's servers may be in."""
    first = aws_infra.target_group(aws, spec.infra.target_group)
    zones = network_of(aws, spec.infra, spec.build, first).zones
    found = find_further(aws, spec.infra, first, zones)
    require_own(launchers(aws).listing(), first, found)
    return ", ".join(f"{one.name} (port {one.port})" for one in found)


def batches(aws: Aws, spec: ReleaseSpec) -> str:
    """In which batches new servers would come: that there are the alarms."""
    alarms(aws, spec.traffic.alarms)
    return ", ".join(spec.traffic.batches)


def mounts(aws: Aws, spec: ReleaseSpec) -> str:
    """The file system of each folder, and that each zone's servers reach it. Which folders another
    commit keeps is not known here."""
    group = aws_infra.target_group(aws, spec.infra.target_group)
    groups = aws_infra.security_groups(aws, group.vpc, spec.infra.security_groups)
    subnets = network_of(aws, spec.infra, spec.build, group).servers
    found = find_mounts(aws, spec.infra.mounts, subnets, groups)
    words = [f"{one.folder} on {one.name} ({one.source})" for one in found]
    return "; ".join([*words, "`spotkiln plan NAME` compares it with `mounts` of the commit"])


def needed(aws: Aws, spec: ReleaseSpec) -> tuple[str, ...]:
    """The settings that what serves needs."""
    group = aws_infra.target_group(aws, spec.infra.target_group)
    current = serving_at(aws, group)
    image = images.describe(aws, current[0].image) if current else None
    return image.config if image else ()


def configuration(aws: Aws, spec: ReleaseSpec, required: tuple[str, ...]) -> str:
    """Which settings are there. What another commit needs is not known here."""
    require_profile(spec.configuration, spec.infra.instance_profile)
    known = find_configuration(aws, spec.configuration)
    require_names(required, known)
    words = in_words(known, required)
    return "; ".join([*words, "`spotkiln plan NAME` compares it with `config` of the commit"])


def vulnerability_data(aws: Aws, spec: ReleaseSpec) -> str:
    """That there is data for what serves, each file as far as its beginning tells.

    Raises:
        InputError: there is none, or something else.
    """
    # It takes a while to load, and few deployments need it.
    from spotkiln.sbom.check import try_out

    tried = try_out(spec.vulnerabilities, _serving_contents(aws, spec))
    if wrong := [str(one) for one in tried if one.trouble]:
        raise InputError(
            f"{'; '.join(wrong)}. Releases would not be checked by it. Tried from this machine; "
            "the worker reads it (`spotkiln docs vulnerabilities`)"
        )
    return "; ".join(map(str, tried)) or "none is needed for what serves"


def _serving_contents(aws: Aws, spec: ReleaseSpec) -> Contents | None:
    """What is in the image that serves; None if nothing serves, or no SBOM of it is kept."""
    try:
        current = serving_at(aws, aws_infra.target_group(aws, spec.infra.target_group))
    except SpotkilnError:
        return None
    return ask(contents.read, current[0].image) if current else None


def rights(aws: Aws, spec: ReleaseSpec, *, previews: bool = False) -> str:
    """What this machine's credentials may do, as IAM simulates it."""
    names = names_of(spec, previews=previews)
    if keys := _own_keys(aws, spec):
        parts = (*names.parts, OWN_KEYS)
        names = names.model_copy(update={"disk_keys": keys, "parts": parts})
    return _simulated(aws, names)


def _own_keys(aws: Aws, spec: ReleaseSpec) -> tuple[str, ...]:
    """Without base images, which another check tells, none is known."""
    try:
        bases = _bases(aws, spec)
    except SpotkilnError:
        return ()
    return own_keys(aws, spec.fleet.disk, bases)


@cache
def _simulated(aws: Aws, names: Names) -> str:
    missing, unknown = simulating.simulate(aws, names)
    if missing:
        raise InputError(
            f"not allowed to {simulating.who(aws)}: {', '.join(missing)}; `spotkiln docs aws` says "
            f"what each is for. {advice(names.parts)}".rstrip()
        )
    does = "a preview" if PREVIEWS in names.parts else "a release"
    return unknown or f"all that {does} does is allowed, as IAM simulates it"


def quotas(aws: Aws, spec: ReleaseSpec) -> str:
    """Room for the new servers beside the old ones."""
    group = aws_infra.target_group(aws, spec.infra.target_group)
    current = serving_at(aws, group)[:1]
    wanted = size(spec.fleet, current, aws.now()).spec.of_types(_types(aws, spec))
    found = doubts(aws, wanted, refuse=True)
    return "; ".join(found) or "room for old and new servers side by side"


def whole(spec: ReleaseSpec) -> str:
    """All that a release looks up before it spends anything, with dry runs of the calls that cost
    money."""
    plan.look(spec)
    return "a release would be allowed to bake and to launch"
