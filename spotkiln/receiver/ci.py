"""What a CI job sends: a payload of our own, with nothing but what a release needs."""

from pydantic import BaseModel, ConfigDict, Field

from spotkiln.receiver.wire import ZEROS, Change, Malformed, Told, identities, named, parsed
from spotkiln.start.hooks import Host
from spotkiln.start.push import COMMIT, HEADS, TAGS


class _Job(BaseModel):
    """`before` is the commit that the branch named before, if the job knows it. With it, an older
    job that comes late is told from a newer one."""

    model_config = ConfigDict(extra="forbid")

    repository: str
    commit: str = Field(pattern=COMMIT)
    branch: str = ""
    tag: str = ""
    before: str = Field(default="", pattern=rf"^$|{COMMIT}")
    by: str = ""


def told(body: bytes) -> Told:
    """
    Raises:
        Malformed: it is no such payload.
    """
    job = parsed(_Job, body, Host.CI)
    if bool(job.branch) == bool(job.tag):
        raise Malformed("not a push of ci: expected either branch or tag")
    change = Change(
        ref=f"{HEADS}{job.branch}" if job.branch else f"{TAGS}{job.tag}",
        before=job.before or ZEROS,
        after=job.commit,
        commit=job.commit,
    )
    return Told(repositories=identities([job.repository]), changes=(change,), by=named(job.by))
