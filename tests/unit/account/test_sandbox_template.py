"""The sandbox's account is made by the template that is handed out."""

from sandbox.engine.initial_stacks import TEMPLATE
from spotkiln.account.template import template
from spotkiln.aws.release.rights import every
from spotkiln.cli.template_text import in_yaml


def test_it_is_what_the_command_prints() -> None:
    same = TEMPLATE.read_text() == in_yaml(template(every())) + "\n"
    assert same, "run: spotkiln account template >sandbox/engine/account.template.yaml"
