"""What was asked for, and what follows from it."""

from spotkiln import tags as t
from spotkiln.release.release import ReleaseSpec
from spotkiln.serve.gate import GatePolicy
from tests.unit import nouns


def test_the_gate_waits_as_the_commit_says_else_the_image_else_the_deployment() -> None:
    spec = ReleaseSpec(app=nouns.app(start_seconds=40))
    source = nouns.source(app=nouns.settled(start_seconds=200))
    image = nouns.image().with_tags(**{t.SERVING_SECONDS: "290"})
    assert spec.gate_for(source, image).boot_seconds == 230
    assert spec.gate_for(None, image).boot_seconds == 320
    assert spec.gate_for(None, nouns.image()).boot_seconds == 70
    assert ReleaseSpec(app=nouns.app()).gate_for(None, nouns.image()) == GatePolicy()


def test_what_the_deployment_says_of_the_boot_counts_before_all() -> None:
    spec = ReleaseSpec(app=nouns.app(), gate=GatePolicy(boot_seconds=5))
    assert spec.gate_for(nouns.source(), nouns.image()).boot_seconds == 5
