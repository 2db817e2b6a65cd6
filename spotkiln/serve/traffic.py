"""Traffic: how requests are handed over to the new servers, where there are two target groups."""

from itertools import pairwise
from typing import Literal

from pydantic import Field, field_validator

from spotkiln.bake.infra import Infra
from spotkiln.bake.values import one_line
from spotkiln.errors import InputError
from spotkiln.noun import Noun, number_or_empty
from spotkiln.serve.step import Batch, Step, batch_of, step_of
from spotkiln.serve.weights import WHOLE

# For so long a visitor may take from one answer to the next while a page is loaded.
PAGE_SECONDS = 15


class Traffic(Noun):
    """How requests are handed over to the new servers: in steps where `infra` names a second target
    group. Else they get their share as soon as they are healthy, and come in batches."""

    steps: tuple[str, ...] = Field(
        default=("100 %",),
        title="Steps",
        description="How many of the requests go to the new servers, and for how long: `10 % for "
        "5 min`, `50 % for 5 min`, `100 %`. The last is 100 %.",
        min_length=1,
        max_length=20,
    )
    launch_after_tests: bool = Field(
        default=False,
        title="Launch after the tests",
        description="Ask for servers only once the new image has passed its tests. Else they start "
        "meanwhile, which is quicker, and red tests take them away again: minutes of servers that "
        "were paid for.",
    )
    batches: tuple[str, ...] = Field(
        default=(),
        title="Batches",
        description="With one target group: how many of the new servers there are, and for how "
        "long: `1 for 5 min`, `50 %`, `100 %`. Each batch must pass the gate. The last is 100 %. "
        "Empty: all at once, and neither alarms nor a check count.",
        max_length=20,
    )
    bake_seconds: int = Field(
        default=300,
        ge=0,
        le=86400,
        title="Bake time (s)",
        description="How long the old servers stay after the last step or batch, ready to serve "
        "again.",
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
    check: str = Field(
        default="",
        title="Check",
        description="The same in each step or batch, the bake time among them, while the new "
        "servers get requests: it must end well before the next one. Another exit status than 0 "
        "brings the old servers back. In batches $URL is one of the new servers itself.",
        max_length=1000,
    )
    check_seconds: int = Field(
        default=300,
        ge=5,
        le=3600,
        title="Check's limit (s)",
        description="How long it may take each time.",
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
        description="How long an alarm may have no data, or CloudWatch no answer, before that "
        "brings the old servers back.",
    )
    least_requests: int = Field(
        default=100,
        ge=10,
        le=1_000_000,
        title="Least requests",
        description="From how many requests on, to each target group, their shares of errors (5xx) "
        "are compared.",
    )
    slower_percent: int | None = Field(
        default=None,
        ge=0,
        le=10_000,
        title="Slower (%)",
        json_schema_extra=number_or_empty,
        description="By how many percent the new servers may be slower than the old ones, in the "
        "90th percentile of each minute. Empty: latency is not compared.",
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

    @field_validator("batches")
    @classmethod
    def _grow(cls, batches: tuple[str, ...]) -> tuple[str, ...]:
        found = [batch_of(one) for one in batches]
        if found and found[-1] != Batch(amount=WHOLE, share=True):
            raise ValueError(
                f"expected 100 % without a time as the last batch (bake_seconds is its time), "
                f"got {batches[-1]!r}"
            )
        for share in (False, True):
            amounts = [one.amount for one in found if one.share is share]
            if any(before >= after for before, after in pairwise(amounts)):
                raise ValueError(f"expected each batch to be more than the one before: {batches}")
        return batches

    @field_validator("smoke", "check")
    @classmethod
    def _one_line(cls, command: str) -> str:
        return one_line(command.strip()) or ""

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
        now = {"steps": ("100 %",), "bake_seconds": 0, "alarms": (), "smoke": "", "check": ""}
        return self.model_copy(update={**now, "batches": (), "sticky_seconds": 0})

    @property
    def strict(self) -> bool:
        """Whether what cannot tell is as bad, in the end."""
        return self.too_few == "go back"

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
    if traffic.check:
        told = f"{told}; in each of them {traffic.check!r} must end well"
    if last.seconds:
        told = f"{told}; then {last.seconds:.0f} s in which one call brings the old servers back"
    back = [*(f"alarm {name}" for name in traffic.alarms), *(["errors"] if traffic.watched else [])]
    if traffic.slower_percent is not None and traffic.watched:
        back.append(f"being slower by more than {traffic.slower_percent} %")
    return f"{told}; {', '.join(back)} would bring them back" if back else told


def seconds_of(traffic: Traffic, infra: Infra) -> tuple[float, float]:
    """For how long the steps last, at least and at most; a pause is not known before."""
    if infra.second is None:
        return 0.0, 0.0
    plan = traffic.plan()
    least = sum(one.seconds for one in plan)
    smoke = float(traffic.smoke_seconds) if traffic.smoke else 0.0
    checks = float(len(plan) * traffic.check_seconds) if traffic.check else 0.0
    return least, 2 * least + smoke + checks


def require_smoke_listener(traffic: Traffic, infra: Infra) -> None:
    """
    Raises:
        InputError: there is a smoke test or a check, and no listener for it.
    """
    asked = "smoke" if traffic.smoke else "check"
    if (traffic.smoke or traffic.check) and infra.smoke_listener is None:
        raise InputError(
            f"traffic.{asked} is set, but no listener through which it reaches the new servers: "
            "make one that forwards to a target group of the pair, and name its port in "
            "infra.test_port"
        )
