"""Archives of packages beside the distribution's own."""

import pytest
from pydantic import ValidationError

from spotkiln.bake.apt import AptSource
from spotkiln.bake.base import BaseSpec, base_variables, fingerprint_of

KEY = """
-----BEGIN PGP PUBLIC KEY BLOCK-----

mQINBFdDN1ABEADaNd/I3j3tn40deQNgz7hB2NvT+syXe6k4ZmdiEcOfBvFrkS8B
=Dl0L
-----END PGP PUBLIC KEY BLOCK-----
"""
NODE = AptSource(uri="https://deb.example.com/node_22.x", suite="nodistro", key=KEY)


def test_a_key_is_part_of_its_file() -> None:
    assert NODE.deb822() == (
        "Types: deb\n"
        "URIs: https://deb.example.com/node_22.x\n"
        "Suites: nodistro\n"
        "Components: main\n"
        "Signed-By:\n"
        " -----BEGIN PGP PUBLIC KEY BLOCK-----\n"
        " .\n"
        " mQINBFdDN1ABEADaNd/I3j3tn40deQNgz7hB2NvT+syXe6k4ZmdiEcOfBvFrkS8B\n"
        " =Dl0L\n"
        " -----END PGP PUBLIC KEY BLOCK-----\n"
    )


def test_a_keyring_is_named_by_its_path() -> None:
    flat = AptSource(uri="http://apt.example.com", suite="./", key="/usr/share/keyrings/x.gpg")
    assert flat.deb822() == (
        "Types: deb\nURIs: http://apt.example.com\nSuites: ./\n"
        "Signed-By: /usr/share/keyrings/x.gpg\n"
    )


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"key": "mQINBFdDN1ABEADa"}, "expected the text of a public key"),
        ({"key": ""}, "at least 1 character"),
        ({"key": "/usr/share/x.gpg\nTrusted: yes"}, "expected the text of a public key"),
        ({"uri": "https://user:word@deb.example.com"}, "should match pattern"),
        ({"uri": "file:/srv/mirror"}, "should match pattern"),
        ({"suite": "trixie main"}, "should match pattern"),
        ({"components": ["main contrib"]}, "expected one word"),
    ],
)
def test_what_is_no_source(changed: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        AptSource.model_validate({**NODE.model_dump(), **changed})


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"packages": ["nodejs npm"]}, "expected a package's name"),
        ({"packages": ["--force-yes"]}, "expected a package's name"),
        ({"packages": ["$(reboot)"]}, "expected a package's name"),
        ({"sources": {"Node Source": NODE.model_dump()}}, "expected a name of small letters"),
        ({"setup": "#" * 70000}, "expected a script of at most 64 KiB"),
    ],
)
def test_what_no_line_is_made_from(wrong: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        BaseSpec.model_validate(wrong)


def test_names_as_apt_takes_them() -> None:
    names = ["python3.13-venv", "libstdc++6", "nodejs=22.1.0-1nodesource1", "ruby/trixie-backports"]
    names += ["libc6:amd64", "ruby-rackup|ruby-rack"]
    assert BaseSpec(packages=names).packages == names


def test_all_that_decides_what_is_inside_is_part_of_the_fingerprint() -> None:
    plain = BaseSpec(packages=["nodejs"])
    assert base_variables(plain) == {"packages": ["nodejs"]}
    assert base_variables(BaseSpec(setup="true", sources={"node": NODE})) == {
        "sources": {"node": NODE.deb822()},
        "setup": "true",
    }
    known = fingerprint_of("a=1", plain)
    for change in ({"setup": "true"}, {"sources": {"node": NODE}}):
        other = fingerprint_of("a=1", plain.model_copy(update=change))
        assert other.differences(known.to_tag()) == ["variables"]
