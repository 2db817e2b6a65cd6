"""Traffic: how the new servers get their share of the requests, where there are two target groups.

Pure: what to do next follows from the plan, from how long the present step has lasted, and from
what the signals say.
"""

import re
from enum import StrEnum
from itertools import pairwise
from typing import Literal

from pydantic import Field, field_validator

from spotkiln.bake.infra import Infra
from spotkiln.bake.values import one_line
from spotkiln.errors import InputError
from spotkiln.noun import Noun
from spotkiln.serve.signals import Signal, Word

_STEP = re.compile(r"(\d{1,3}) ?%(?: for (\d{1,4}) ?(s|sec|min|h))?")
_SECONDS = {"s": 1, "sec": 1, "min": 60, "h": 3600}
WHOLE = 100
# For so long a visitor may take from one answer to the next while a page is loaded.
PAGE_SECONDS = 15


class Step(Noun):
    """`percent` of the requests go to the new servers, for at least so many seconds. `sticky`: for
    so many seconds after each answer a visitor stays with the version that gave it; 0: nobody
    does."""

    percent: int
    seconds: float
    sticky: int = 0

    def __str__(self) -> str:
        return f"{self.percent} %" + (f" for {self.seconds:.0f} s" if self.seconds else "")


class Traffic(Noun):
    """How requests are handed over to the new servers. It counts where `infra` names a second
    target group; else they get their share as soon as they are healthy."""

    steps: tuple[str, ...] = Field(
        default=("100 %",),
        title="Steps",
        description="How many of the requests go to the new servers, and for how long: `10 % for "
        "5 min`, `50 % for 5 min`, `100 %`. The last is 100 %.",
        min_length=1,
        max_length=20,
    )
    bake_seconds: int = Field(
        default=300,
        ge=0,
        le=86400,
        title="Bake time (s)",
        description="How long the old servers stay after the last step, ready to serve again.",
    )
    smoke: str = Field(
        default="",
        title="Smoke test",
        description="One line of shell, before the new servers get requests: run once from the "
        "new image, on a machine of its own with the servers' settings and rights. They answer at "
        "$URL, the listener of `infra.test_port`. Another exit status than 0 takes them back.",
        max_length=1000,
    )
    smoke_seconds: int = Field(
        default=300,
        ge=5,
        le=3600,
        title="Smoke test's limit (s)",
        description="How long it may take.",
    )
    alarms: tuple[str, ...] = Field(
        default=(),
        title="Alarms",
        description="CloudWatch alarms, by name: one that goes off brings the old servers back.",
        max_length=50,
    )
    no_data_seconds: int = Field(
        default=300,
        ge=0,
        le=86400,
        title="Without data (s)",
        description="How long an alarm may have no data before that brings the old servers back.",
    )
    least_requests: int = Field(
        default=100,
        ge=10,
        le=1_000_000,
        title="Least requests",
        description="From how many requests on, to each target group, their shares of errors (5xx) "
        "are compared.",
    )
    too_few: Literal["go on", "go back"] = Field(
        default="go on",
        title="Too few requests",
        description="What a step ends with that had too few requests to compare, at its end and as "
        "long again.",
    )
    sticky_seconds: int = Field(
        default=0,
        ge=0,
        le=604800,
        title="Sticky (s)",
        description="How long after each answer a visitor stays with the version that gave it, "
        "while both serve. The old servers stay as long after the last step, at least. 0: each "
        "request goes by the weights.",
    )

    @field_validator("steps")
    @classmethod
    def _lead_up(cls, steps: tuple[str, ...]) -> tuple[str, ...]:
        found = [step_of(one) for one in steps]
        if found[-1].percent != WHOLE or found[-1].seconds:
            raise ValueError(
                f"expected 100 % without a time as the last step (bake_seconds is its time), "
                f"got {steps[-1]!r}"
            )
        if any(before.percent >= after.percent for before, after in pairwise(found)):
            raise ValueError(f"expected each step to be more than the one before: {steps}")
        return steps

    @field_validator("smoke")
    @classmethod
    def _one_line(cls, smoke: str) -> str:
        return one_line(smoke.strip()) or ""

    def plan(self) -> tuple[Step, ...]:
        """The steps; the last one lasts for the bake time.

        Visitors who are to stay with one version get their cookies before the weights change: so
        nobody has a page of one and asks the other for the rest of it. In the last step they stay
        no longer than a page takes: whoever was with the old version comes to the new one with the
        next page. That step lasts until the cookies of before are over.
        """
        found = [step_of(one) for one in self.steps[:-1]]
        last = Step(percent=WHOLE, seconds=self.bake_seconds)
        if not self.sticky_seconds:
            return (*found, last)
        page = min(self.sticky_seconds, PAGE_SECONDS)
        first = Step(percent=0, seconds=page)
        kept = [x.model_copy(update={"sticky": self.sticky_seconds}) for x in (first, *found)]
        seconds = max(self.bake_seconds, self.sticky_seconds)
        return (*kept, Step(percent=WHOLE, seconds=seconds, sticky=page))

    def at_once(self) -> "Traffic":
        """All requests in one step, whatever the signals say: a rollback is in a hurry, and what
        serves is what the signals speak of."""
        now = {"steps": ("100 %",), "bake_seconds": 0, "alarms": (), "smoke": ""}
        return self.model_copy(update={**now, "sticky_seconds": 0})

    @property
    def watched(self) -> bool:
        """Whether any signal counts."""
        return bool(self.alarms) or any(one.seconds for one in self.plan())


def in_words(traffic: Traffic, infra: Infra) -> str:
    """How requests would be handed over; empty where there is one target group."""
    if infra.second is None:
        return ""
    *steps, last = traffic.plan()
    words = [*map(str, steps), f"{last.percent} %"]
    told = f"between {infra.target_group.name} and {infra.second.name}: {', '.join(words)}"
    if traffic.smoke:
        told = f"{told}; first the smoke test, {traffic.smoke!r}"
    if last.seconds:
        told = f"{told}; then {last.seconds:.0f} s in which one call brings the old servers back"
    back = [*(f"alarm {name}" for name in traffic.alarms), *(["errors"] if traffic.watched else [])]
    return f"{told}; {', '.join(back)} would bring them back" if back else told


def seconds_of(traffic: Traffic, infra: Infra) -> tuple[float, float]:
    """For how long the steps last, at least and at most; a pause is not known before."""
    if infra.second is None:
        return 0.0, 0.0
    least = sum(one.seconds for one in traffic.plan())
    smoke = float(traffic.smoke_seconds) if traffic.smoke else 0.0
    return least, 2 * least + smoke


def require_smoke_listener(traffic: Traffic, infra: Infra) -> None:
    """
    Raises:
        InputError: there is a smoke test, and no listener for it.
    """
    if traffic.smoke and infra.smoke_listener is None:
        raise InputError(
            "traffic.smoke is set, but no listener through which it reaches the new servers: make "
            "one that forwards to a target group of the pair, and name its port in infra.test_port"
        )


def step_of(text: str) -> Step:
    """Raises ValueError if it is none."""
    found = _STEP.fullmatch(text.strip())
    if not found or not 1 <= int(found[1]) <= WHOLE:
        raise ValueError(f"expected a step such as `10 % for 5 min` or `100 %`, got {text!r}")
    seconds = int(found[2] or 0) * _SECONDS.get(found[3] or "", 0)
    return Step(percent=int(found[1]), seconds=seconds)


class Do(StrEnum):
    STAY = "stay"
    NEXT = "next step"
    DONE = "done"
    BACK = "back"


class Steer(StrEnum):
    """What a person asks of a release that hands requests over; the last word counts."""

    RESUME = "resume"
    PAUSE = "pause"
    PROMOTE = "promote"
    ABORT = "abort"


class Decision(Noun):
    """What to do now. `within`: an answer may change after so many seconds, if no signal does."""

    do: Do
    why: str = ""
    within: float = 0.0


def decide(
    traffic: Traffic,
    at: int,
    lasted: float,
    signals: tuple[Signal, ...],
    steer: Steer = Steer.RESUME,
) -> Decision:
    """`at` is the index of the present step in `traffic.plan()`, which has `lasted` so many
    seconds, without pauses. One bad signal is enough to go back, whatever a person says; one that
    cannot tell yet is waited for, once more as long as the step."""
    plan = traffic.plan()
    step = plan[at]
    bad = [one for one in signals if one.word is Word.BAD]
    if bad:
        return Decision(do=Do.BACK, why="; ".join(one.why for one in bad))
    if steer is Steer.ABORT:
        return Decision(do=Do.BACK, why="a person said abort")
    last = at == len(plan) - 1
    on = Decision(do=Do.DONE if last else Do.NEXT)
    if steer is Steer.PROMOTE and last and lasted < step.sticky:
        # Those who load a page of the old version have it whole.
        return Decision(do=Do.STAY, within=step.sticky - lasted)
    if steer is Steer.PROMOTE:
        return on
    if steer is Steer.PAUSE:
        return Decision(do=Do.STAY, why="paused by a person, until resume, promote or abort")
    if lasted < step.seconds:
        return Decision(do=Do.STAY, within=step.seconds - lasted)
    # Nobody can tell anything of servers that get no requests yet.
    unknown = [one for one in signals if one.word is Word.UNKNOWN and step.percent]
    if unknown and lasted < 2 * step.seconds:
        why = "; ".join(one.why for one in unknown)
        return Decision(do=Do.STAY, why=why, within=2 * step.seconds - lasted)
    if unknown and step.seconds and traffic.too_few == "go back":
        return Decision(do=Do.BACK, why="; ".join(one.why for one in unknown))
    return on


class Weights(Noun):
    """The weights of a rule, by the names of its two target groups."""

    of: dict[str, int]

    def __str__(self) -> str:
        """As a tag has it."""
        return " ".join(f"{name}={weight}" for name, weight in sorted(self.of.items()))

    @classmethod
    def from_tag(cls, text: str) -> "Weights | None":
        """None if it is no such tag."""
        found = re.findall(r"([A-Za-z0-9-]+)=(\d{1,3})", text)
        return cls(of={name: int(weight) for name, weight in found}) if len(found) > 1 else None

    @property
    def active(self) -> str:
        """The name of the group that gets all requests.

        Raises:
            InputError: both get some, or none does.
        """
        used = [name for name, weight in self.of.items() if weight]
        if len(used) != 1:
            raise InputError(
                f"expected all requests to go to one target group of the pair, found {self}: set "
                "the weight of the one without current servers to 0, then start this again"
            )
        return used[0]

    def to(self, name: str) -> "Weights":
        """Everything to this group."""
        return self.shifted(name, WHOLE)

    def shifted(self, name: str, percent: int) -> "Weights":
        """So much to this group, the rest to the other."""
        return Weights(of={x: percent if x == name else WHOLE - percent for x in self.of})
