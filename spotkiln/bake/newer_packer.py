"""Our templates for a Packer that takes more than the oldest one does, which rejects what it does
not know."""

import re
from pathlib import Path

from spotkiln.bake.packer import BUILT_IN_BEFORE

# Instance metadata by version 2 alone, also of a vendor's image that does not say so itself. Two
# hops, as for machines of images that say it: a container's requests take one more.
METADATA = """
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 2
  }
"""
_SOURCE = re.compile(r'^source "amazon-\w+" "\w+" \{$', re.MULTILINE)
_ROOT = "${path.root}"


def template_for(version: tuple[int, int, int], template: Path, folder: Path) -> Path:
    """The template's path; for a newer Packer that of a copy in `folder`."""
    if version < BUILT_IN_BEFORE:
        return template
    copy = folder / template.name
    copy.write_text(with_more(template.read_text(), template.parent))
    return copy


def with_more(text: str, root: Path) -> str:
    """`root`: where its scripts are, which a copy elsewhere does not know."""
    found = _SOURCE.sub(lambda head: head[0] + METADATA.rstrip("\n"), text)
    return found.replace(_ROOT, str(root))
