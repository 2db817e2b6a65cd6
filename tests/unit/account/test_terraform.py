"""The Terraform module has the template inside, whole."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from spotkiln.account.parameters import PARAMETERS
from spotkiln.account.template import template
from spotkiln.account.terraform import module
from spotkiln.aws.release.rights import every

WHOLE = template(every())
TEXT = json.dumps(WHOLE)


def test_each_parameter_is_a_variable_and_is_handed_on() -> None:
    found = module(WHOLE, TEXT)
    assert set(found["variable"]) == {"stack", *PARAMETERS}
    parameters = found["resource"]["aws_cloudformation_stack"]["account"]["parameters"]
    assert parameters["Vpc"] == "${var.Vpc}"
    assert parameters["Subnets"] == '${join(",", var.Subnets)}'
    assert found["variable"]["Subnets"]["type"] == "list(string)"
    assert "default" not in found["variable"]["Vpc"]
    assert found["output"].keys() == WHOLE["Outputs"].keys()


def test_what_is_cloudformations_own_is_left_to_it() -> None:
    body = module(WHOLE, TEXT)["resource"]["aws_cloudformation_stack"]["account"]["template_body"]
    assert not re.search(r"(?<!\$)\$\{", body)
    assert json.loads(body.replace("$${", "${")) == json.loads(TEXT)


@pytest.mark.skipif(not shutil.which("terraform"), reason="no Terraform here to read it")
def test_terraform_reads_it(tmp_path: Path) -> None:
    """Without its provider, which comes from a registry, only so far: it finds no mistake in
    syntax, and then says that the provider is not there."""
    (tmp_path / "main.tf.json").write_text(json.dumps(module(WHOLE, TEXT)))
    told = subprocess.run(
        ["terraform", f"-chdir={tmp_path}", "providers"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert told.returncode == 0, told.stderr
    assert "hashicorp/aws" in told.stdout
