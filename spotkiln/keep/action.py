"""Actions: what reconcile does to one thing that nobody owns."""

from enum import StrEnum

from spotkiln.noun import Noun


class Verb(StrEnum):
    """What is done to a thing."""

    TAKE_DOWN = "take down"
    MARK_RELEASED = "mark as released"
    SETTLE_WEIGHTS = "settle the weights of"
    RETIRE_FLEETS = "retire"
    RESUME_SCALING = "resume the scaling of"
    DRAIN_INSTANCES = "drain and terminate"
    REPLACE_SERVER = "replace"
    TERMINATE_BUILDERS = "terminate"
    DELETE_PART = "delete unused part"
    DELETE_KEY_PAIR = "delete key pair"
    DELETE_SECURITY_GROUP = "delete security group"
    DISCARD_IMAGE = "discard image"
    DELETE_SNAPSHOT = "delete snapshot"
    REMOVE_PREVIEW = "remove preview"


class Action(Noun):
    """One thing to do, on these ids, and why. `target_group` (ARN) where draining needs it, with
    the further ones as `also`, `kind` (EC2's name) where the verb does not tell it, `release` where
    it is about what one has done. `tried` is the tag that an earlier try has left
    (`housekeeping.PutOff`)."""

    verb: Verb
    ids: tuple[str, ...]
    why: str
    target_group: str = ""
    also: tuple[str, ...] = ()
    kind: str = ""
    release: str = ""
    tried: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {', '.join(self.ids)}: {self.why}"
