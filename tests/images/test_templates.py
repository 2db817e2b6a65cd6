"""The Packer templates, as far as they can be judged without building anything."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from spotkiln.bake.app import DEFAULTS
from spotkiln.bake.builder import Builder, SshInterface
from spotkiln.bake.detect.detect import detect
from spotkiln.bake.tree import Tree, worth_reading
from tests.unit.nouns import ROOT

PACKER = ROOT / "packer"
VARIABLES = Path(__file__).with_name("variables")
BUILDERS = ["base", "app", "test"]
# The last one is launched into the servers' security groups, and one of ours.
TEMPLATES = [*BUILDERS, "task"]

# What Packer 1.6.6 rejects, or takes only from a newer plugin.
TOO_NEW = [
    "required_plugins",
    "error-cleanup-provisioner",
    "metadata_options",
    "imds_support",
    "skip_create_ami",
    "deprecate_at",
    "temporary_security_group_source_public_ip",
    "templatefile",
]

needs_packer = pytest.mark.skipif(shutil.which("packer") is None, reason="Packer is not installed")


def source(template: str) -> str:
    return (PACKER / f"{template}.pkr.hcl").read_text()


def directives(template: str) -> str:
    lines = source(template).splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def validate(template: str, *options: str) -> tuple[int, str]:
    """Packer's exit code and all that it printed."""
    variables = VARIABLES / f"{template}.pkrvars.json"
    file = str(PACKER / f"{template}.pkr.hcl")
    done = subprocess.run(
        ["packer", "validate", f"-var-file={variables}", *options, file],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout.strip()


@needs_packer
@pytest.mark.parametrize("template", TEMPLATES)
def test_template_is_valid(template: str) -> None:
    # An unknown variable in the file is only a warning: then there is output.
    assert validate(template) == (0, "")


@needs_packer
@pytest.mark.parametrize("interface", SshInterface)
@pytest.mark.parametrize("template", TEMPLATES)
def test_packer_takes_each_way_to_a_builder_as_we_ask_for_it(
    template: str, interface: SshInterface
) -> None:
    builder = Builder(ssh_interface=interface, instance_profile="builder")
    asked = {"ssh_interface": str(builder.ssh_interface)}
    asked["iam_instance_profile"] = builder.instance_profile
    given = [f"-var={name}={value}" for name, value in asked.items()]
    assert validate(template, *given) == (0, "")


@needs_packer
@pytest.mark.parametrize("template", TEMPLATES)
def test_packer_refuses_what_is_no_way_to_a_builder(template: str) -> None:
    code, said = validate(template, "-var=ssh_interface=pigeon")
    assert code == 1
    assert "Unknown interface type: pigeon" in said
    code, said = validate(
        template, "-var=ssh_interface=session_manager", "-var=iam_instance_profile="
    )
    assert code == 1
    assert "requires a valid instance profile" in said


@pytest.mark.parametrize("template", TEMPLATES)
def test_sample_gives_every_variable(template: str) -> None:
    declared = set(re.findall(r'^variable "(\w+)"', directives(template), re.MULTILINE))
    sample = json.loads((VARIABLES / f"{template}.pkrvars.json").read_text())
    assert set(sample) == declared


@pytest.mark.parametrize("template", TEMPLATES)
def test_old_packer_reads_it(template: str) -> None:
    text = directives(template)
    assert [word for word in TOO_NEW if re.search(rf"\b{word}\b", text)] == []
    assert not re.search(r'^data "', text, re.MULTILINE)


def test_plugins_stand_alone() -> None:
    assert "required_plugins" in directives("plugins")
    assert "source " not in re.sub(r"\bsource\s*=", "", directives("plugins"))


@pytest.mark.parametrize("template", BUILDERS)
def test_ssh_is_open_to_the_given_addresses_only(template: str) -> None:
    lines = re.findall(
        r"^ *temporary_security_group_source_cidrs.*", directives(template), re.MULTILINE
    )
    assert len(lines) == 1
    assert lines[0].split("=", 1)[1].strip() == (
        'var.security_group_id == "" ? var.ssh_source_cidrs : null'
    )


# For these Packer changes an image, or its snapshot, before it gives them their tags. By the tags
# the worker's rights to change one are narrowed: it would be refused.
BEFORE_TAGS = (
    "ami_description",
    "ami_groups",
    "ami_product_codes",
    "ami_users",
    "snapshot_groups",
    "snapshot_users",
)


@pytest.mark.parametrize("template", TEMPLATES)
def test_an_image_is_not_changed_before_it_has_its_tags(template: str) -> None:
    assert [one for one in BEFORE_TAGS if one in directives(template)] == []


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_credentials_are_taken(template: str) -> None:
    assert not re.search(r"access_key|secret_key|password|token", directives(template))


@pytest.mark.parametrize("script", sorted((PACKER / "scripts").glob("*.sh")), ids=lambda p: p.name)
def test_scripts_stop_at_the_first_failure(script: Path) -> None:
    assert "\nset -euo pipefail\n" in script.read_text()


@pytest.mark.parametrize("template", TEMPLATES)
def test_what_lets_old_packer_log_in_stays_on_the_builder(template: str) -> None:
    found = re.search(r"user_data = <<EOF\n(.*?)\nEOF", source(template), re.DOTALL)
    assert found
    assert found[1].startswith("#cloud-config\n")
    (file,) = yaml.safe_load(found[1].replace("${var.configuration}\n", ""))["write_files"]
    assert file["content"] == "PubkeyAcceptedAlgorithms +ssh-rsa\n"
    # A builder is told nothing, and starts nothing.
    roles = re.findall(r"^# spotkiln-role: (.*)$", found[1], re.MULTILINE)
    assert roles == {"test": ["tester"], "task": ["task"]}.get(template, [])
    assert f"rm -f {file['path']}\n" in (PACKER / "scripts" / "clean.sh").read_text()


# Packer 1.6.6 reads one file: what all templates need stands in each of them.


def blocks(template: str, head: str) -> dict[str, str]:
    found = re.findall(
        rf'^{head} "(\w+)" \{{\n(.*?)^\}}', source(template), re.MULTILINE | re.DOTALL
    )
    return dict(found)


def without_words(block: str) -> str:
    return re.sub(r"^ *description = .*\n", "", block, flags=re.MULTILINE)


def test_a_variable_is_the_same_wherever_it_is_declared() -> None:
    declared = {template: blocks(template, "variable") for template in TEMPLATES}
    names = sorted({name for found in declared.values() for name in found})
    differing = [
        name
        for name in names
        if len({without_words(found[name]) for found in declared.values() if name in found}) > 1
    ]
    assert differing == []


def test_what_the_machine_is_told_is_written_alike() -> None:
    """Word by word, but for the image that each starts from."""
    for templates, least in (
        (BUILDERS, {"region", "subnet_id", "ssh_source_cidrs", "run_tags", "key_pair_name"}),
        (TEMPLATES, {"region", "subnet_id", "run_tags", "key_pair_name"}),
    ):
        declared = [blocks(template, "variable") for template in templates]
        shared = set.intersection(*map(set, declared)) - {"source_ami", "app_user"}
        assert least <= shared
        assert [name for name in sorted(shared) if len({one[name] for one in declared}) > 1] == []


def test_the_defaults_are_the_examples() -> None:
    """For who runs a template by hand: what a release detects of the Rails application."""
    folder = ROOT / "examples" / "demo-web-app"
    names = {str(x.relative_to(folder)) for x in folder.rglob("*") if x.is_file()}
    texts = {one: (folder / one).read_text() for one in names if worth_reading(one)}
    findings = detect(Tree(names=frozenset(names), texts=texts)).findings
    app = DEFAULTS.model_dump() | {one.key: one.value for one in findings}
    renamed = {
        "app_port": "port",
        "app_user": "user",
        "app_environment": "environment",
        "build_command": "build",
        "migrate_command": "migrate",
        "start_command": "start",
        "test_setup_command": "test_setup",
        "test_command": "test",
        "health_port": "port",
    }
    for template in ("app", "test"):
        for name, block in blocks(template, "variable").items():
            key = renamed.get(name, name)
            if key not in app:
                continue
            found = re.search(r"^  default += (.*?)(?=\n  \w|\Z)", block, re.MULTILINE | re.DOTALL)
            assert found, name
            # HCL's map of one line each is all that differs from JSON.
            text = re.sub(r"^ *(\w+) += (.*)$", r'"\1": \2', found[1].strip(), flags=re.MULTILINE)
            text = re.sub(r'"\n(?=")', '",\n', text)
            expected = list(app[key]) if isinstance(app[key], tuple) else app[key]
            assert json.loads(text) == expected, name


def test_no_image_keeps_what_a_crash_has_left(tmp_path: Path) -> None:
    """The memory of a program that had the build's secrets."""
    script = (PACKER / "scripts" / "clean.sh").read_text()
    functions, ran, _ = script.partition("\nforget_people\n")
    assert ran
    assert "\nforget_crashes\n" in script.removeprefix(functions)
    kept = [tmp_path / "var/crash", tmp_path / "var/lib/systemd/coredump"]
    for folder in kept:
        folder.mkdir(parents=True)
        (folder / "core.node.870").write_text("secret")
    functions = functions.replace(" /var/", f" {tmp_path}/var/")
    subprocess.run(["bash", "-c", f"{functions}\nforget_crashes"], check=True)
    assert [list(folder.iterdir()) for folder in kept] == [[], []]
