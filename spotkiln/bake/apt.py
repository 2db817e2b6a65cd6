"""Apt: another archive of packages that a base image is made from, in deb822's form."""

from pydantic import Field, field_validator

from spotkiln.noun import ShownNoun

ARMOUR = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
END = "-----END PGP PUBLIC KEY BLOCK-----"
# A package's name, perhaps with an architecture, and a version or a suite, as apt-get takes it.
_PACKAGE = r"[a-z0-9][a-z0-9+.-]*(:[a-z0-9-]+)?([=/][A-Za-z0-9][A-Za-z0-9.+:~-]*)?"
PACKAGE = rf"^{_PACKAGE}(\|{_PACKAGE})*$"
NAME = r"^[a-z0-9][a-z0-9-]{0,40}$"
_WORD = r"^[^\s#]+$"


class AptSource(ShownNoun):
    """An archive beside the distribution's own. Its name is that of its file."""

    uri: str = Field(
        title="Address",
        description="Where the archive is. No password in it: all of it is in the image.",
        pattern=r"^https?://[^\s@]+$",
    )
    suite: str = Field(
        title="Suite",
        description="Such as trixie or trixie-backports; one that ends with `/` has no components.",
        pattern=_WORD,
    )
    components: tuple[str, ...] = Field(
        default=("main",), title="Components", description="Parts of the archive, such as main."
    )
    key: str = Field(
        title="Signing key",
        description="The text of the public key that signs it, in PGP's armour, or the path of a "
        "keyring that the source image or a package of Debian's has.",
        min_length=1,
    )

    @field_validator("key")
    @classmethod
    def _is_a_key(cls, key: str) -> str:
        armoured = key.strip().startswith(ARMOUR) and key.strip().endswith(END)
        if armoured or (key.startswith("/") and not any(x.isspace() for x in key)):
            return key
        raise ValueError(
            f"expected the text of a public key, from `{ARMOUR}` to `{END}`, or the path of a "
            "keyring, got neither: a vendor's binary key becomes text by `gpg --enarmor`, and "
            "nothing is installed from an archive that nobody signs"
        )

    @field_validator("components")
    @classmethod
    def _are_words(cls, components: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := next((one for one in components if not one or one.split() != [one]), None):
            raise ValueError(f"expected one word for each component, got {wrong!r}")
        return components

    def deb822(self) -> str:
        """The file below /etc/apt/sources.list.d. A key's lines are a field's continued lines,
        and a blank one of them is a dot."""
        if self.key.startswith("/"):
            key = f" {self.key}"
        else:
            lines = (line.strip() for line in self.key.strip().splitlines())
            key = "".join(f"\n {line or '.'}" for line in lines)
        components = (
            "" if self.suite.endswith("/") else f"Components: {' '.join(self.components)}\n"
        )
        return f"Types: deb\nURIs: {self.uri}\nSuites: {self.suite}\n{components}Signed-By:{key}\n"
