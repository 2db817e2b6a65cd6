"""What goes wrong on demand, seen from a client."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from sandbox.client import Sandbox, SandboxError
from tests.sandbox.account import Account, eventually
from tests.sandbox.test_instances import refused

pytestmark = pytest.mark.sandbox


def create_key(account: Account, name: str) -> Any:
    return account.ec2.create_key_pair(KeyName=name, KeyType="ed25519")


@pytest.fixture(autouse=True)
def no_keys(account: Account, box: Sandbox) -> Any:
    yield
    box.clear_faults()
    for name in box.inventory()["key_pairs"]["ids"]:
        account.ec2.delete_key_pair(KeyName=name)


def keys(box: Sandbox) -> list[str]:
    return list(box.inventory()["key_pairs"]["ids"])


def test_throttling_is_answered_as_ec2_answers_it(account: Account, box: Sandbox) -> None:
    box.fault("DescribeInstances", "throttle")
    with pytest.raises(ClientError) as error:
        account.ec2.describe_instances()
    assert error.value.response["Error"]["Code"] == "RequestLimitExceeded"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    account.ec2.describe_instances()
    box.fault("DescribeTargetGroups", "throttle")
    refused(account.elbv2.describe_target_groups, "Throttling")


def test_an_error_is_the_one_that_was_asked_for(account: Account, box: Sandbox) -> None:
    box.fault(
        "CreateKeyPair",
        "error",
        code="UnauthorizedOperation",
        message="You are not authorized to perform this operation.",
        status=403,
    )
    with pytest.raises(ClientError) as error:
        create_key(account, "a")
    assert error.value.response["Error"]["Code"] == "UnauthorizedOperation"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert keys(box) == []


def test_an_error_can_be_told_although_it_was_done(account: Account, box: Sandbox) -> None:
    box.fault("CreateKeyPair", "error", code="InternalError", status=500, carried_out=True)
    refused(create_key, "InternalError", account=account, name="a")
    assert keys(box) == ["a"]


def test_it_applies_from_the_nth_call_on_count_times(account: Account, box: Sandbox) -> None:
    box.fault("DescribeKeyPairs", "throttle", nth=2, count=2)
    outcomes = []
    for _ in range(5):
        try:
            account.ec2.describe_key_pairs()
            outcomes.append("well")
        except ClientError:
            outcomes.append("throttled")
    assert outcomes == ["well", "throttled", "throttled", "well", "well"]


def test_a_word_of_its_parameters_chooses_a_call(account: Account, box: Sandbox) -> None:
    box.fault("CreateKeyPair", "throttle", text="second")
    assert create_key(account, "first")["KeyName"] == "first"
    refused(account.ec2.create_key_pair, "RequestLimitExceeded", KeyName="second")
    assert keys(box) == ["first"]


def test_patterns_and_agents_choose_the_calls(account: Account, box: Sandbox) -> None:
    box.fault("Describe*", "throttle", count=100, agent="product/1")
    account.ec2.describe_key_pairs()
    product = account.client("ec2", agent="product/1")
    refused(product.describe_key_pairs, "RequestLimitExceeded")
    product.delete_key_pair(KeyName="none")


def test_a_lost_answer_was_carried_out(account: Account, box: Sandbox) -> None:
    box.fault("CreateKeyPair", "lost")
    with pytest.raises(ConnectionClosedError):
        create_key(account, "a")
    assert keys(box) == ["a"]
    last = box.calls()[-1]
    assert (last["operation"], last["fault"], last["status"]) == ("CreateKeyPair", "lost", None)


@pytest.mark.parametrize("carried_out", [True, False])
def test_a_call_that_hangs(account: Account, box: Sandbox, carried_out: bool) -> None:
    box.fault("CreateKeyPair", "hang", seconds=30, carried_out=carried_out)
    impatient = account.client("ec2", timeout=0.3)
    with pytest.raises(ReadTimeoutError):
        impatient.create_key_pair(KeyName="a", KeyType="ed25519")
    assert keys(box) == (["a"] if carried_out else [])


def test_a_delay_is_only_that(account: Account, box: Sandbox) -> None:
    box.fault("DescribeKeyPairs", "delay", seconds=0.4)
    begin = time.monotonic()
    account.ec2.describe_key_pairs()
    assert time.monotonic() - begin >= 0.4


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_call_can_be_held_at_a_point(account: Account, box: Sandbox, when: str) -> None:
    pause = box.fault("CreateKeyPair", "pause", when=when)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(create_key, account, "a")
        box.wait_paused(pause)
        assert keys(box) == (["a"] if when == "after" else [])
        assert not answer.done()
        account.ec2.describe_key_pairs()  # others go on
        box.release(pause)
        assert answer.result(10)["KeyName"] == "a"
    assert keys(box) == ["a"]


def test_a_held_call_can_be_dropped(account: Account, box: Sandbox) -> None:
    pause = box.fault("CreateKeyPair", "pause")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(create_key, account, "a")
        box.wait_paused(pause)
        box.release(pause, drop=True)
        with pytest.raises(ConnectionClosedError):
            answer.result(10)
    assert keys(box) == []


def test_a_stale_read_is_as_before_the_last_change(account: Account, box: Sandbox) -> None:
    box.fault("DescribeKeyPairs", "stale", count=2)
    create_key(account, "a")

    def names() -> list[str]:
        return [key["KeyName"] for key in account.ec2.describe_key_pairs()["KeyPairs"]]

    assert names() == ["demo"]
    assert names() == ["demo"]
    assert names() == ["demo", "a"]


def test_a_stale_read_can_miss_several_changes(account: Account, box: Sandbox) -> None:
    box.fault("DescribeKeyPairs", "stale", mutations=2)
    for name in ("a", "b", "c"):
        create_key(account, name)
    seen = [key["KeyName"] for key in account.ec2.describe_key_pairs()["KeyPairs"]]
    assert seen == ["demo", "a"]


def test_after_a_change_reads_can_be_stale_for_a_while(account: Account, box: Sandbox) -> None:
    box.fault("RequestSpotFleet", "stale", reads=2, seconds=1000)
    fleet = account.request(TargetCapacity=0)
    describe = account.ec2.describe_spot_fleet_requests
    missing = "InvalidSpotFleetRequestId.NotFound"
    refused(describe, missing, SpotFleetRequestIds=[fleet])
    refused(describe, missing, SpotFleetRequestIds=[fleet])
    assert account.fleet(fleet)["SpotFleetRequestId"] == fleet


def test_clearing_faults_ends_stale_reads(account: Account, box: Sandbox) -> None:
    box.fault("CreateKeyPair", "stale", reads=100, seconds=10_000)
    create_key(account, "a")
    assert len(account.ec2.describe_key_pairs()["KeyPairs"]) == 1
    box.clear_faults()
    assert len(account.ec2.describe_key_pairs()["KeyPairs"]) == 2


def test_target_health_can_be_stale_too(account: Account, box: Sandbox) -> None:
    box.script(boot_seconds=1)
    instance = account.run()
    account.until(instance, "running")
    box.fault("RegisterTargets", "stale", reads=1)
    group = account.target_group
    account.elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": instance}])
    assert account.health() == {}
    assert instance in account.health()


def test_changes_go_on_while_reads_are_stale(account: Account, box: Sandbox) -> None:
    """The world that a stale read shows is a copy: nothing done meanwhile is lost."""
    box.fault("Describe*", "stale", count=50)
    create_key(account, "a")
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            account.ec2.describe_key_pairs()

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        for name in "bcdef":
            create_key(account, name)
        done.set()
        reading.result(10)
    assert sorted(keys(box)) == ["a", "b", "c", "d", "e", "f"]


def test_a_fault_that_means_nothing_is_refused(box: Sandbox) -> None:
    with pytest.raises(SandboxError, match="kind"):
        box.fault("RunInstances", "explode")
    with pytest.raises(SandboxError, match="throttle takes"):
        box.fault("RunInstances", "throttle", seconds=3)
    with pytest.raises(SandboxError, match="code"):
        box.fault("RunInstances", "error")


def test_faults_can_be_cleared(account: Account, box: Sandbox) -> None:
    box.fault("DescribeKeyPairs", "throttle", count=100)
    assert [fault["operation"] for fault in box.faults()] == ["DescribeKeyPairs"]
    box.clear_faults()
    account.ec2.describe_key_pairs()


def test_a_token_bucket_throttles_the_hasty(account: Account, box: Sandbox) -> None:
    box.limit_requests("DescribeKeyPairs", rate=5, burst=3)
    outcomes = []
    for _ in range(4):
        try:
            account.ec2.describe_key_pairs()
            outcomes.append(True)
        except ClientError as error:
            assert error.response["Error"]["Code"] == "RequestLimitExceeded"
            outcomes.append(False)
    assert outcomes[:3] == [True, True, True]
    box.limit_requests("DescribeKeyPairs", rate=0.001, burst=1)
    account.ec2.describe_key_pairs()
    refused(account.ec2.describe_key_pairs, "RequestLimitExceeded")
    account.ec2.describe_instances()  # has a bucket of its own


def test_calls_are_recorded(account: Account, box: Sandbox) -> None:
    box.clear_calls()
    create_key(account, "a")
    refused(create_key, "InvalidKeyPair.Duplicate", account=account, name="a")
    account.elbv2.describe_target_groups(Names=["website"])
    first, second, third = box.calls()
    assert first["service"] == "ec2"
    assert first["operation"] == "CreateKeyPair"
    assert first["mutating"] is True
    assert first["parameters"] == {"KeyName": "a", "KeyType": "ed25519"}
    assert (first["status"], first["error"]) == (200, None)
    assert "Boto3" in first["agent"]
    assert (second["status"], second["error"]) == (400, "InvalidKeyPair.Duplicate")
    assert second["n"] == first["n"] + 1
    assert third["service"] == "elasticloadbalancing"
    assert third["mutating"] is False
    assert third["parameters"] == {"Names": ["website"]}
    box.clear_calls()
    assert box.calls() == []


def test_a_held_call_is_in_the_record_before_its_answer(account: Account, box: Sandbox) -> None:
    pause = box.fault("CreateKeyPair", "pause")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(create_key, account, "a")
        box.wait_paused(pause)
        assert box.calls()[-1]["status"] is None
        box.release(pause)
        answer.result(10)
    eventually(lambda: box.calls()[-1]["status"] == 200, what="its answer in the record")


def test_answers_are_dated_and_the_date_can_be_put_off(account: Account, box: Sandbox) -> None:
    def ahead(client: Any, operation: str) -> float:
        headers = getattr(client, operation)()["ResponseMetadata"]["HTTPHeaders"]
        return parsedate_to_datetime(headers["date"]).timestamp() - time.time()

    calls = ((account.ec2, "describe_regions"), (account.elbv2, "describe_load_balancers"))
    for client, operation in calls:
        assert -2 < ahead(client, operation) <= 0
        box.date_ahead(-600)
        assert -602 < ahead(client, operation) <= -600
        box.date_ahead(0)
