"""User data of one's own beside ours: ours are comments, so they go where cloud-init reads none."""

import base64
import binascii

# As EC2 limits them, before they are encoded.
MOST_BYTES = 16384
OURS = "# spotkiln-"
# Kinds in which a line that begins with # is a comment, by how the first line begins.
COMMENTED = ("#cloud-config", "#!", "#include")
JINJA = "## template: jinja"
MIME = ("content-type:", "mime-version:")


def combined(ours: str, theirs: str) -> str:
    """Both as one, encoded as launch templates have them; `ours` and `theirs` are encoded, too.

    Raises:
        ValueError: in words that go on from "its user data".
    """
    if not theirs:
        return ours
    comments = [line for line in _read(ours).splitlines() if line.startswith(OURS)]
    text = _read(theirs)
    if any(line.startswith(OURS) for line in text.splitlines()):
        raise ValueError(f"have a line that begins with {OURS!r}, which a release writes itself")
    lines = text.splitlines(keepends=True)
    place = _place(lines)
    whole = "".join([*_ended(lines[:place]), *(f"{one}\n" for one in comments), *lines[place:]])
    if len(whole.encode()) > MOST_BYTES:
        raise ValueError(
            f"are {len(whole.encode())} bytes with the lines that a release adds, and EC2 takes "
            f"{MOST_BYTES}"
        )
    return base64.b64encode(whole.encode()).decode()


def _read(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("are no text: compressed ones cannot be added to") from error


def _place(lines: list[str]) -> int:
    """Before which line nothing of cloud-init's is disturbed: after the first one, which says the
    kind; of a MIME message before its parts, where nobody reads."""
    first = lines[0].strip().lower() if lines else ""
    if first.startswith(MIME):
        blank = next((n for n, line in enumerate(lines) if not line.strip()), None)
        if blank is None:
            raise ValueError("are a MIME message without parts")
        return blank + 1
    if first.startswith(JINJA) and len(lines) > 1:
        return 1 + _place(lines[1:])
    if not first.startswith(COMMENTED):
        raise ValueError(
            "are of a kind that cannot be added to: expected a script that begins with #!, "
            "#cloud-config, #include, or a MIME message"
        )
    return 1


def _ended(lines: list[str]) -> list[str]:
    return [*lines[:-1], lines[-1].rstrip("\r\n") + "\n"] if lines else []
