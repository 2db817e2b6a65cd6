"""The nouns that the unit tests speak of: one application, what it finds, what it makes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from spotkiln import tags as t
from spotkiln.aws.serve.instance import end_of
from spotkiln.aws.serve.spot_fleet.answer import STATES
from spotkiln.bake.app import App, AppSpec
from spotkiln.bake.detect.detected import Detected
from spotkiln.bake.image import Image
from spotkiln.bake.infra import BaseImage, HealthCheck, Infra, TargetGroup
from spotkiln.bake.precedence import settle
from spotkiln.bake.source import Source
from spotkiln.serve.fleet import Fleet, Phase
from spotkiln.target import Health, Instance, Server, Target

ROOT = Path(__file__).resolve().parents[2]
START = datetime(2024, 5, 1, 12, tzinfo=UTC)
RELEASE = "demo-web-app-0123456789ab"
GROUP = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/website/1"
OTHER_GROUP = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/other/2"
ROLE = "arn:aws:iam::123456789012:role/aws-ec2-spot-fleet-tagging-role"
PROFILE = "arn:aws:iam::123456789012:instance-profile/website"
COMMIT = "c0ffee" * 6 + "c0ff"
DIGEST = "7ee" * 13 + "7"
TAGS = t.release_tags(
    app="demo-web-app", release=RELEASE, run="run-1", commit=COMMIT, target_group="website"
)


def app(**changes: Any) -> AppSpec:
    """What a deployment asks for."""
    return AppSpec(**{"repository": "/srv/git/demo", **changes})


# How it is released, where its files do not tell.
SAID = {
    "build": "bundle install --local",
    "test_setup": "bundle exec rails db:migrate",
    "test": "bundle exec rspec",
    "migrate": "bundle exec rails db:migrate",
    "start": "bundle exec puma",
    "notify": True,
    "environment": {"RAILS_ENV": "production"},
    "build_environment": {"RAILS_ENV": "production", "SECRET_KEY_BASE": "unused"},
    "test_environment": {"RAILS_ENV": "test"},
    "writable": ("db", "log", "storage", "tmp", "tmp/cache", "tmp/pids"),
}


def plain(**changes: Any) -> AppSpec:
    """The same of an application whose files tell nothing."""
    return app(**{**SAID, **changes})


def settled(**changes: Any) -> App:
    """That as it is released."""
    return settle(plain(**changes), None, Detected()).app


def health_check(**changes: Any) -> HealthCheck:
    settings = {
        "protocol": "HTTP",
        "port": "traffic-port",
        "path": "/up",
        "interval": 5,
        "timeout": 2,
        "healthy_threshold": 2,
        "unhealthy_threshold": 2,
        "matcher": "200",
    }
    return HealthCheck.model_validate({**settings, **changes})


def target_group(**changes: Any) -> TargetGroup:
    settings = {
        "arn": GROUP,
        "name": "website",
        "vpc": "vpc-1",
        "protocol": "HTTP",
        "port": 3000,
        "target_type": "instance",
        "load_balancers": ("arn:balancer",),
        "health_check": health_check(),
        "deregistration_delay": 5,
    }
    return TargetGroup.model_validate({**settings, **changes})


def infra(**changes: Any) -> Infra:
    settings = {
        "region": "eu-west-1",
        "account": "123456789012",
        "target_group": target_group(),
        "load_balancer": "website",
        "address": "website.example",
        "vpc": "vpc-1",
        "subnets": ("subnet-a", "subnet-b"),
        "balancer_subnets": ("subnet-a", "subnet-b"),
        "builder_subnets": ("subnet-a",),
        "zones": ("eu-west-1a", "eu-west-1b"),
        "security_groups": ("sg-default", "sg-rails"),
        "fleet_role": ROLE,
        "instance_profile": PROFILE,
        "key_pair": "demo",
        "base_image": BaseImage(id="ami-base", name="rails-base 1", architecture="x86_64"),
    }
    return Infra.model_validate({**settings, **changes})


def source(**changes: Any) -> Source:
    settings = {
        "repository": "/srv/git/demo",
        "ref": "v1",
        "commit": COMMIT,
        "digest": DIGEST,
        "subject": "Say hello",
        "archive": Path("/runs/1/source.tar.gz"),
        "app": settled(),
    }
    return Source.model_validate({**settings, **changes})


def image(name: str = "ami-1", *, age_hours: float = 0, **tags: str) -> Image:
    """`tags` are given by the last part of their names: state="tested"."""
    return Image(
        id=name,
        name=f"demo-web-app/{COMMIT[:12]}/{RELEASE}",
        region="eu-west-1",
        created=START - timedelta(hours=age_hours),
        available=True,
        snapshots=(f"snap-{name}",),
        tags={**TAGS, **{f"{t.PREFIX}{key}": value for key, value in tags.items()}},
    )


def fleet(name: str = "sfr-1", **changes: Any) -> Fleet:
    """A serving one of the target group, unless changed; `phase=None` for a foreign one. `state` is
    as Spot Fleet calls it."""
    phase = changes.pop("phase", Phase.SERVING)
    status = changes.pop("state", "active")
    tags = {**TAGS, t.PHASE: str(phase), t.IMAGE: "ami-1"} if phase else {}
    settings = {
        "id": name,
        "launcher": "Spot Fleet",
        "state": STATES[status],
        "status": status,
        "capacity": 2,
        "created": START,
        "target_groups": (GROUP,),
        "tags": tags,
    }
    return Fleet.model_validate({**settings, **changes})


def instance(name: str, state: str = "running", lost_by: str = "", **changes: Any) -> Instance:
    """`lost_by` is EC2's code for why it ended."""
    settings = {"id": name, "state": state, "end": end_of(lost_by), "lost_by": lost_by}
    return Instance.model_validate({**settings, **changes})


def target(name: str, health: Health | str = Health.HEALTHY, reason: str = "") -> Target:
    return Target(instance=name, health=Health(health), reason=reason)


def server(name: str, **changes: Any) -> Server:
    """A healthy Spot instance, unless changed."""
    settings = {
        "instance": name,
        "health": Health.HEALTHY,
        "type": "t3.micro",
        "zone": "eu-west-1a",
        "spot": True,
    }
    return Server.model_validate({**settings, **changes})
