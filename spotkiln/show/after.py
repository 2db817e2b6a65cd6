"""After: what a person can do next, by how a release ended."""

from spotkiln.release.release import Outcome, Release


def next_step(release: Release) -> str:
    """One sentence of markdown, with the command to type."""
    name = release.deployment or release.app
    again = f"`spotkiln release {name}`"
    if release.back_to:
        return _after_a_rollback(release, name, again)
    match release.outcome:
        case Outcome.RELEASED:
            return _after_a_release(release, name)
        case Outcome.UNCHANGED:
            return (
                f"To release the same once more, on new servers: `spotkiln release {name} --force`."
            )
        case Outcome.SUPERSEDED:
            return "There is nothing to do: the newer release goes on."
        case Outcome.HELD:
            return f"Push a newer commit; or, if this one is meant, `spotkiln unhold {name}`."
        case Outcome.DECLINED:
            return f"To be asked again: {again}."
        case Outcome.FROZEN:
            at_once = f"{again[:-1]} --break-glass 'why'`"
            return f"To start it when the freeze has ended: {again}; to release it now: {at_once}."
        case Outcome.CANCELLED:
            return f"To start it again: {again}."
        case Outcome.ROLLED_BACK | Outcome.FAILED:
            return f"Mend the cause and push. If the commit is not to blame, try it again: {again}."


def _after_a_release(release: Release, name: str) -> str:
    if not _before(release):
        return "It is the first version here: there is none to go back to yet."
    return f"To go back to what served before: `spotkiln rollback {name}`."


def _after_a_rollback(release: Release, name: str, again: str) -> str:
    if release.outcome is Outcome.RELEASED:
        if release.restarted:
            return "There is nothing to do."
        return (
            "Push what mends it: a newer commit is released as always. The one that was left is "
            f"held until then; to release it even so: {again[:-1]} --even-if-held`."
        )
    if release.outcome is Outcome.UNCHANGED:
        return "There is nothing to do: that version serves."
    version = release.commit[:12]
    command = f"spotkiln restart {name}" if release.restarted else f"spotkiln rollback {name}"
    command += f" {version}" if version and not release.restarted else ""
    return f"To try it again: `{command}`. `spotkiln versions {name}` lists what there is."


def _before(release: Release) -> bool:
    """Whether another version of ours served before."""
    return any(not one.serving for one in release.versions)
