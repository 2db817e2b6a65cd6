"""Checks of this machine: the programs that a release runs."""

from spotkiln.bake.packer import find_packer, require_amazon
from spotkiln.cli.doctor.check import Check, check


def examine() -> list[Check]:
    checks = [check("this machine", "Packer", packer)]
    if checks[0].ok:
        checks.append(check("this machine", "Packer's plugin", plugin))
    return checks


def packer() -> str:
    path, version = find_packer()
    return f"{path}, {'.'.join(map(str, version))}"


def plugin() -> str:
    return require_amazon(*find_packer())
