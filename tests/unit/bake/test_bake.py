"""What Packer is given, and that the templates take exactly that."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from spotkiln.bake import variables as bake
from spotkiln.bake.builder import (
    Access,
    BuildSettings,
    Machine,
    SshInterface,
    require_public_address,
)
from spotkiln.bake.configuration import Configuration, Known
from spotkiln.bake.disk import ImageDisk
from spotkiln.bake.infra import TargetGroup
from spotkiln.bake.processes import Process, Timer
from spotkiln.errors import InputError
from tests.unit import nouns
from tests.unit.nouns import COMMIT, ROOT, TAGS

BUILDER = {
    "security_group_id": "sg-builder",
    "key_pair_name": "spotkiln-builder-1",
    "region": "eu-west-1",
    "endpoint": "",
    "instance_type": "t3.small",
    "spot_types": [],
    "vpc_id": "vpc-1",
    "subnet_id": "subnet-a",
    "public_address": "",
    "ssh_interface": "public_ip",
    "iam_instance_profile": "",
    "ssh_username": "admin",
    "ssh_source_cidrs": [],
}


MACHINE = Machine(
    login="admin",
    builder=BuildSettings(),
    region="eu-west-1",
    vpc="vpc-1",
    subnets=("subnet-a", "subnet-b"),
    endpoint="",
    access=Access(security_group="sg-builder", key_pair="spotkiln-builder-1"),
)


def test_a_machine_is_tried_in_each_subnet_before_another_type() -> None:
    build = BuildSettings(other_instance_types=["t3.medium", "t3.small"])
    machine = MACHINE.model_copy(update={"builder": build})
    assert [str(one) for one in machine.places] == [
        "a t3.small in subnet-a",
        "a t3.small in subnet-b",
        "a t3.medium in subnet-a",
        "a t3.medium in subnet-b",
    ]
    assert machine.variables.items() >= machine.places[0].variables.items()


def test_a_spot_machine_is_asked_for_by_all_its_types_in_each_subnet_before_on_demand() -> None:
    build = BuildSettings(other_instance_types=["t3.medium"], spot=True)
    machine = MACHINE.model_copy(update={"builder": build})
    assert [str(one) for one in machine.places] == [
        "a Spot t3.small or t3.medium in subnet-a",
        "a Spot t3.small or t3.medium in subnet-b",
        *map(str, machine.on_demand),
    ]
    first = {**machine.variables, **machine.places[0].variables}
    assert first["spot_types"] == ["t3.small", "t3.medium"]
    last = {**machine.variables, **machine.places[-1].variables}
    assert (last["instance_type"], last["spot_types"]) == ("t3.medium", [])


@pytest.mark.parametrize(
    ("asked", "least", "said"),
    [
        ({}, 8, {"root_device": "", "root_gib": 0, "root_type": ""}),
        ({"size_gib": 20}, 8, {"root_device": "/dev/sda1", "root_gib": 20, "root_type": ""}),
        ({"type": "gp2"}, 8, {"root_device": "/dev/sda1", "root_gib": 0, "root_type": "gp2"}),
        # A layer that was baked with a larger one.
        (
            {"size_gib": 20, "type": "gp3"},
            40,
            {"root_device": "/dev/sda1", "root_gib": 40, "root_type": "gp3"},
        ),
    ],
)
def test_a_builder_gets_the_disk_that_is_asked_for(
    asked: dict[str, Any], least: int, said: dict[str, Any]
) -> None:
    machine = MACHINE.model_copy(update={"builder": BuildSettings(disk=ImageDisk(**asked))})
    start = bake.Start(id="ami-base", root_device="/dev/sda1", root_gib=least)
    assert start.variables(machine) == {"source_ami": "ami-base", **said}


@pytest.mark.parametrize(("asked", "said"), [(None, ""), (True, "true"), (False, "false")])
def test_a_builder_gets_the_address_that_is_asked_for(asked: bool | None, said: str) -> None:
    build = BuildSettings(public_address=asked, ssh_interface=SshInterface.PRIVATE_IP)
    machine = MACHINE.model_copy(update={"builder": build})
    assert machine.variables["public_address"] == said


def test_a_builder_that_is_reached_by_a_public_address_has_one() -> None:
    with pytest.raises(ValidationError, match="needs no public address beside public_address off"):
        BuildSettings(public_address=False)
    assert BuildSettings(public_address=True).public_address


def test_an_old_packer_cannot_ask_for_no_address() -> None:
    private = {"ssh_interface": SshInterface.PRIVATE_IP}
    with pytest.raises(
        InputError, match=r"Packer before 1\.8 cannot .* found 1\.6\.6: leave it out"
    ):
        require_public_address(BuildSettings(public_address=False, **private), (1, 6, 6))
    require_public_address(BuildSettings(public_address=False, **private), (1, 16, 0))
    for asked in (None, True):
        require_public_address(BuildSettings(public_address=asked, **private), (1, 6, 6))


START = bake.Start.of(nouns.infra().base)
NEW = bake.NewImage(name="demo/1", tags=TAGS, manifest=Path("/runs/1/manifest.json"))


def bake_variables(**app: Any) -> dict[str, Any]:
    source = nouns.source().model_copy(update={"app": nouns.settled(**app)})
    return bake.bake_variables(
        MACHINE, NEW, source, START, Path("/runs/1/units"), Path("/proc/1/fd/3")
    )


def test_test_variables() -> None:
    found = variables_of_a_test()
    assert found == {
        **BUILDER,
        "source_ami": "ami-1",
        "run_tags": {**TAGS, "spotkiln:role": "tester"},
        "app_name": "demo-web-app",
        "app_folder": "",
        "app_user": "webapp",
        "protocol": "http",
        "port": 3000,
        "smoke": ["/"],
        "health_protocol": "http",
        "health_port": 3000,
        "health_path": "/up",
        "health_matcher": "200-299",
        "health_answer_seconds": 2,
        "migrate_seconds": 600,
        "process_names": [],
        "start_seconds": 90,
        "test_seconds": 900,
        "test_services": [],
        "test_configuration": [],
        "test_security_group_ids": [],
        "test_setup_command": nouns.settled().test_setup,
        "test_command": nouns.settled().test,
        "test_environment": {"RAILS_ENV": "test"},
        "report_dir": "/runs/1/report",
    }


def variables_of_a_test(**app: Any) -> dict[str, Any]:
    group = nouns.infra().target_group
    check = nouns.health_check(matcher="200-299")
    infra = nouns.infra(target_group=group.model_copy(update={"health_check": check}))
    return bake.test_variables(
        MACHINE, nouns.settled(**app), infra, "ami-1", TAGS, Path("/runs/1/report")
    )


def test_the_machine_that_tests_has_a_role_groups_services_and_settings_of_its_own() -> None:
    tests = Configuration(parameters=("/shop/test/",), secrets=("shop/test",))
    infra = nouns.infra(test_configuration=Known(sources=tests), test_security_groups=("sg-test",))
    found = bake.test_variables(
        MACHINE.model_copy(update={"profile": "image-test"}),
        nouns.settled(test_services=("postgresql",)),
        infra,
        "ami-1",
        TAGS,
        Path("/runs/1/report"),
    )
    assert found["iam_instance_profile"] == "image-test"
    assert (found["security_group_id"], found["test_security_group_ids"]) == (
        "sg-builder",
        ["sg-test"],
    )
    assert found["test_services"] == ["postgresql"]
    assert found["test_configuration"] == [
        "# spotkiln-parameters: /shop/test/",
        "# spotkiln-secret: shop/test",
    ]


def test_bake_variables() -> None:
    app = nouns.settled()
    assert bake_variables() == {
        **BUILDER,
        "source_ami": "ami-base",
        "root_device": "",
        "root_gib": 0,
        "root_type": "",
        "image_name": "demo/1",
        "tags": TAGS,
        "run_tags": {**TAGS, "spotkiln:role": "builder"},
        "manifest": "/runs/1/manifest.json",
        "app_archive": "/runs/1/source.tar.gz",
        "commit": COMMIT,
        "app_name": "demo-web-app",
        "app_folder": "",
        "app_user": "webapp",
        "app_environment": {"RAILS_ENV": "production"},
        "build_environment": {"RAILS_ENV": "production", "SECRET_KEY_BASE": "unused"},
        "test_services": [],
        "dependencies_command": "",
        "build_command": app.build,
        "writable": ["db", "log", "storage", "tmp", "tmp/cache", "tmp/pids"],
        "states": ["writable/db", "writable/log", "writable/storage", "writable/tmp"],
        "secrets_file": "/proc/1/fd/3",
        "mounts": [],
        "units": "/runs/1/units",
    }


def test_an_empty_command_does_nothing_well() -> None:
    assert variables_of_a_test(test_setup="")["test_setup_command"] == "true"


@pytest.mark.parametrize(
    ("template", "given"),
    [("app.pkr.hcl", bake_variables()), ("test.pkr.hcl", variables_of_a_test())],
)
def test_the_template_declares_what_it_is_given(template: str, given: dict[str, Any]) -> None:
    """Packer refuses an undeclared variable as well as one that has no value."""
    text = (bake.TEMPLATES / template).read_text()
    blocks = dict(re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL))
    required = {name for name, body in blocks.items() if "\n  default " not in body}
    assert given.keys() <= blocks.keys()
    assert required <= given.keys()


# The recipe.


def checked(**changes: Any) -> TargetGroup:
    return nouns.target_group(health_check=nouns.health_check(**changes))


def digest(**changes: Any) -> str:
    files = changes.pop("source", {})
    infra = nouns.infra(**changes.pop("infra", {}))
    return bake.recipe_of(nouns.source(**files, app=nouns.settled(**changes)), infra).digest


@pytest.mark.parametrize(
    "changed",
    [
        {"source": {"digest": "7ef" * 13 + "7"}},
        {"infra": {"base_image": {"id": "ami-b2", "name": "b", "architecture": "x86_64"}}},
        {"name": "other"},
        {"build": "make"},
        {"migrate": ""},
        {"start": "bin/serve"},
        {"notify": False},
        {"port": 8080},
        {"user": "other"},
        {"environment": {"RAILS_ENV": "staging"}},
        {"infra": {"target_group": checked(path="/health")}},
        {"infra": {"target_group": checked(protocol="HTTPS")}},
        {"infra": {"target_group": checked(port="3001")}},
        {"infra": {"target_group": checked(matcher="200,301")}},
        {"infra": {"target_group": nouns.target_group(protocol="HTTPS")}},
        {"smoke": ("/", "/products")},
        {"writable": ("media",)},
        {"memory_mb": 512},
        {"processes": {"worker": Process(start="work")}},
        {"processes": {"worker": Process(start="work", once=True)}},
        {"timers": {"report": Timer(run="report", on="daily")}},
        {"migrate_writable": ("config",)},
        {"mounts": ("media",)},
        {"hardening": "strict"},
        {"migrate_seconds": 900},
        {"start_seconds": 300},
        {"stop_seconds": 100},
        {"test": "make test"},
        {"test_setup": ""},
        {"test_environment": {}},
        {"test_services": ("redis",)},
    ],
)
def test_whatever_decides_an_image_is_in_its_recipe(changed: dict[str, Any]) -> None:
    assert digest(**changed) != digest()


@pytest.mark.parametrize(
    "changed",
    [
        {"source": {"ref": "v2", "commit": "0" * 40, "subject": "Another with the same files"}},
        {"source": {"archive": Path("/elsewhere/source.tar.gz")}},
        {"infra": {"subnets": ("subnet-z",), "builder_subnets": ("subnet-y",), "key_pair": ""}},
        {"infra": {"target_group": checked(timeout=3)}},
        {"test_seconds": 1800},
        {"repository": "/srv/git/copy"},
        {"ref": "v2"},
    ],
)
def test_what_does_not_decide_it_is_not(changed: dict[str, Any]) -> None:
    assert digest(**changed) == digest()


def test_its_inputs_fit_into_a_tag() -> None:
    longest = {"id": "ami-0123456789abcdef0", "name": "b", "architecture": "x86_64"}
    recipe = bake.recipe_of(nouns.source(), nouns.infra(base_image=longest))
    assert len(recipe.to_tag()) <= 256
    assert recipe.differences(recipe.to_tag()) == []


def test_every_file_that_goes_into_an_image_is_in_its_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Change each file that the templates name, one by one: the digest must change."""
    named = [ROOT / "packer" / "app.pkr.hcl", ROOT / "packer" / "test.pkr.hcl"]
    for template in list(named):
        paths = re.findall(r"\$\{path\.root\}/([\w./-]+)", template.read_text())
        found = [(ROOT / "packer" / path).resolve() for path in paths]
        named += [file for path in found for file in ([path] if path.is_file() else path.iterdir())]
    # What is written of the templates. An application has one level of hardening, and this one has
    # a port below 1024, a folder that is mounted, services for its tests, a worker and a timer.
    named += [
        one
        for one in (ROOT / "systemd").iterdir()
        if one.is_file() and one.name not in {"hardening.conf", "hardening-basic.conf"}
    ]
    assert {"app.sh", "clean.sh", "test.sh", "app.service", "role.sh"} <= {x.name for x in named}
    for file in (ROOT / "packer").rglob("*"), (ROOT / "systemd").iterdir():
        for path in file:
            copy = tmp_path / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if path.is_file():
                copy.write_bytes(path.read_bytes())
    monkeypatch.setattr(bake, "ROOT", tmp_path)
    changed: dict[str, Any] = {
        "health_port": 81,
        "mounts": ("media",),
        "test_services": ("redis",),
        "processes": {"worker": Process(start="work")},
        "timers": {"report": Timer(run="report", on="daily")},
    }
    seen = {digest(**changed)}
    for path in named:
        copy = tmp_path / path.relative_to(ROOT)
        copy.write_bytes(copy.read_bytes() + b"\n# changed\n")
        seen.add(digest(**changed))
    assert len(seen) == 1 + len(named)


def test_a_new_image_is_a_candidate() -> None:
    recipe = bake.recipe_of(nouns.source(), nouns.infra())
    source = nouns.source(migrations=("db/migrate/1_a",))
    assert bake.image_tags(TAGS, recipe, source) == {
        **TAGS,
        "spotkiln:migrations": "1 8fd1e7951ded db/migrate/1_a",
        "spotkiln:recipe": recipe.digest,
        "spotkiln:inputs": recipe.to_tag(),
        "spotkiln:serving-seconds": "90",
        "spotkiln:state": "candidate",
    }
    assert bake.image_tags(TAGS, recipe, source, "ubuntu")["spotkiln:login"] == "ubuntu"


@pytest.mark.parametrize(("names", "told"), [(["A", "B_2"], "A B_2"), (["A" * 200, "B" * 80], "")])
def test_an_image_tells_which_settings_it_needs(names: list[str], told: str) -> None:
    """Where a tag has room for them: half of them would be a wrong answer."""
    source = nouns.source(app=nouns.settled(config=tuple(names)))
    tags = bake.image_tags(TAGS, bake.recipe_of(source, nouns.infra()), source)
    assert tags.get("spotkiln:config", "") == told
    assert nouns.image(config=told).config == tuple(told.split())


def test_an_image_tells_how_long_its_start_takes_and_which_folders_it_keeps_elsewhere() -> None:
    """A rollback has no commit at hand that could tell it."""
    processes = {"clock": Process(start="a"), "worker": Process(start="b", start_seconds=200)}
    app = nouns.settled(start_seconds=100, processes=processes, mounts=("files", "public/a+b"))
    source = nouns.source(app=app)
    tags = bake.image_tags(TAGS, bake.recipe_of(source, nouns.infra()), source)
    assert tags["spotkiln:serving-seconds"] == "300"
    assert tags["spotkiln:mounts"] == "files public/a+b"
    image = nouns.image().with_tags(**tags)
    assert (image.serving_seconds, image.mounts) == (300, ("files", "public/a+b"))


def test_an_image_that_does_not_tell_them() -> None:
    """One of an earlier Spotkiln, or with more folders than a tag has room for."""
    source = nouns.source(app=nouns.settled(mounts=("a" * 200, "b" * 80)))
    tags = bake.image_tags(TAGS, bake.recipe_of(source, nouns.infra()), source)
    assert "spotkiln:mounts" not in tags
    assert (nouns.image().serving_seconds, nouns.image().mounts) == (None, ())


def test_a_builders_disk_is_part_of_the_image() -> None:
    def of(**disk: Any) -> str:
        return bake.recipe_of(nouns.source(), nouns.infra(), ImageDisk(**disk)).digest

    assert of() == bake.recipe_of(nouns.source(), nouns.infra()).digest
    assert len({of(), of(size_gib=20), of(size_gib=40), of(type="gp2")}) == 4
