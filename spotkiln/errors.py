"""The errors of a release, and who may try again.

    SpotkilnError
    ├── InputError              something asked for is wrong or missing; nothing was spent
    │   ├── PermissionDenied    AWS refused an action
    │   ├── AwsRefused          AWS says that a request is wrong (spotkiln.aws.errors)
    │   ├── Unsaid              nothing says how it is built or started (spotkiln.bake.precedence)
    │   ├── NotInPrefect        Prefect knows nothing of that name or id
    │   ├── PrefectRefused      Prefect refused what it was asked
    │   ├── Unsigned            a push without our secret's signature (spotkiln.receiver.signature)
    │   └── Malformed           a push that is no payload of its host (spotkiln.receiver.wire)
    │       └── NotJson         and not even JSON
    ├── InfrastructureError     AWS, Prefect, the network or Packer failed: may be tried again
    │   ├── DeadlineExceeded    a wait that ended without an answer
    │   ├── CutOff              a machine was lost while it carried out a command
    │   ├── CapacityError       EC2 had no machines
    │   ├── Taken               somebody else has what only one can have (spotkiln.aws.bake.builder)
    │   ├── AwsError            AWS failed or cannot be reached (spotkiln.aws.errors)
    │   │   └── AwsMissing      AWS does not know something that we name
    │   ├── PrefectAway         Prefect does not answer
    │   ├── PrefectFailed       Prefect answered, and could not do what it was asked
    │   │   └── PrefectDenied   it does not know the password
    │   └── Lost                the lease is lost for good (spotkiln.keep.heartbeat)
    ├── VerdictError            the application was judged; trying again changes nothing
    │   ├── BuildFailed         its dependencies or assets could not be built
    │   ├── TestsFailed         its tests are red, or there were none (spotkiln.bake.junit)
    │   ├── UnitFailed          the booted image did not answer the health check
    │   ├── Vulnerable          what is in the image has known vulnerabilities that are not accepted
    │   ├── MigrationFailed     its migration ended with an error, or in no time
    │   └── GateFailed          its new servers did not become healthy
    │       └── ImageRejected   and the image is to blame
    ├── EndsEarly               a release ends well, because it must not or need not change anything
    │                           (spotkiln.release.release)
    ├── GaveWay                 another release took the turn; what was made is undone
    ├── NotWanted               what ran beside something else is not waited for any more
    ├── LeftBehind              something created is neither kept nor destroyed
    └── RebuildFailed           a nightly run could not rebuild some applications

Every message says what was expected, what was seen and what to do next.
"""

from http import HTTPStatus


class SpotkilnError(Exception):
    """The base of all errors that Spotkiln raises on purpose."""


class InputError(SpotkilnError):
    """Something asked for is wrong or missing. Raised before anything costs money."""


class PermissionDenied(InputError):
    """AWS refused an action; the message names the action and who asked."""


class NotInPrefect(InputError):
    """Prefect knows nothing of that name or id."""


class PrefectRefused(InputError):
    """Prefect understood what it was asked and refused it: the same request is refused again.
    `code` is the HTTP status (409: it contradicts what is there), `said` Prefect's own words."""

    def __init__(self, message: str, code: int, said: str) -> None:
        self.code = code
        self.said = said
        super().__init__(message)

    @property
    def exists(self) -> bool:
        """Whether what was to be made is there already."""
        return self.code == HTTPStatus.CONFLICT


class InfrastructureError(SpotkilnError):
    """AWS, Prefect, the network or Packer failed. The only kind of failure worth another try."""


class DeadlineExceeded(InfrastructureError):
    """A wait ended without an answer."""

    def __init__(self, what: str, waited_seconds: float, last_seen: str) -> None:
        self.what = what
        self.waited_seconds = waited_seconds
        self.last_seen = last_seen
        super().__init__(
            f"waited {waited_seconds:.0f} s for {what}; last seen: {last_seen or 'nothing'}"
        )


class CutOff(InfrastructureError):
    """A machine was lost while it carried out a command: what that has done is not known."""


class PrefectAway(InfrastructureError):
    """Prefect does not answer: it may be back at any moment."""


class PrefectFailed(InfrastructureError):
    """Prefect answered, and could not do what it was asked."""


class PrefectDenied(PrefectFailed):
    """Prefect does not know the password that was sent, or none was."""


class CapacityError(InfrastructureError):
    """EC2 had no machines of the wanted types in time."""


class VerdictError(SpotkilnError):
    """The application was judged and found wanting: why is in `message`. `last_lines` are what it
    said last itself, if that is known."""

    def __init__(self, message: str, last_lines: str = "") -> None:
        self.message = message
        self.last_lines = last_lines
        super().__init__(f"{message}\n{last_lines}" if last_lines else message)


class BuildFailed(VerdictError):
    """Dependencies or assets of the application could not be built."""


class UnitFailed(VerdictError):
    """The booted image did not answer the health check."""


class Vulnerable(VerdictError):
    """What is in the image has known vulnerabilities, of a severity that the deployment refuses."""


class MigrationFailed(VerdictError):
    """The migration ended with an error, or took too long. Nothing was launched. It tells nothing
    of the image: the database may be to blame as well."""


class GateFailed(VerdictError):
    """The new servers did not become healthy; `cause` is the verdict's, `last_lines` those of the
    console of the one that failed first."""

    def __init__(self, message: str, cause: str, last_lines: str = "") -> None:
        self.cause = cause
        super().__init__(message, last_lines)


class ImageRejected(GateFailed):
    """The new servers ran, did not become healthy, and the image is to blame: as a candidate it is
    never used again, as a version it is suspect."""


class GaveWay(SpotkilnError):
    """Another release took the turn before this one had launched: this one ends as superseded."""


class NotWanted(SpotkilnError):
    """Nobody waits any more for what ran beside something else: that has failed, or was told to
    end. What was begun has been ended."""


class LeftBehind(SpotkilnError):
    """Something that the release created is neither kept nor destroyed."""


class RebuildFailed(SpotkilnError):
    """Some applications could not be rebuilt on the new base image; the others were."""


def may_be_tried_again(error: BaseException) -> bool:
    """Only infrastructure is worth another try; capacity has had all its tries already, and a
    command that has begun may not bear a second one."""
    return isinstance(error, InfrastructureError) and not isinstance(
        error, CapacityError | DeadlineExceeded | CutOff
    )
