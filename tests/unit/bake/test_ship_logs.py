"""What writes a machine's journal to CloudWatch Logs, by its script: a journal, a metadata service
and a CloudWatch Logs are played here, with curl's own signatures, which botocore checks."""

import signal
import time

import pytest

from tests.unit.bake.cloud import MINE
from tests.unit.bake.log_host import GROUP, Host, Logs, ended, host, logs, until

pytestmark = pytest.mark.programs

__all__ = ["host", "logs"]

WEB, WORKER = f"shop/web/{MINE}", f"shop/worker/{MINE}"


def test_each_unit_has_a_stream_and_the_group_keeps_them_for_days(host: Host, logs: Logs) -> None:
    host.log("one", "two")
    host.log("mine", unit="shop-worker.service")
    host.log("its own", unit="shop-logs.service")
    host.log("another's", unit="shopping.service")
    host.log("Started shop", unit="init.scope", UNIT="shop.service")
    with host.running(days=14) as process:
        until(lambda: len(logs.streams.get(WEB, [])) == 3 and logs.streams.get(WORKER))
        assert "shop-logs" not in ended(process)
    assert logs.streams == {WEB: ["one", "two", "Started shop"], WORKER: ["mine"]}
    assert logs.groups == {GROUP: 14}


def test_without_days_the_groups_own_stay(host: Host, logs: Logs) -> None:
    logs.groups[GROUP] = 3
    host.log("one")
    with host.running(days=0) as process:
        until(lambda: logs.streams.get(WEB))
        ended(process)
    assert logs.groups == {GROUP: 3}
    assert "PutRetentionPolicy" not in logs.asked


def test_starts_and_stops_lose_and_double_nothing(host: Host, logs: Logs) -> None:
    wrote: list[str] = []
    for round_ in range(4):
        with host.running() as process:
            for number in range(5):
                wrote.append(f"line {round_}.{number}")
                host.log(wrote[-1])
                time.sleep(0.03)
            ended(process)
    assert logs.streams[WEB] == wrote


def test_what_is_being_written_is_written_when_it_is_stopped(host: Host, logs: Logs) -> None:
    """And what the others log as they stop comes too."""
    host.log("one")
    with host.running() as process:
        until(lambda: logs.streams.get(WEB) == ["one"])
        logs.hold = True
        host.log("two")
        assert logs.held.wait(30)
        process.send_signal(signal.SIGTERM)
        host.log("Stopping")
        logs.hold = False
        logs.go_on.set()
        process.communicate(timeout=30)
    assert logs.streams[WEB] == ["one", "two", "Stopping"]


def test_killed_while_it_is_refused_it_goes_on_where_it_was(host: Host, logs: Logs) -> None:
    host.log(*(f"{number:06}" + "x" * 1000 for number in range(900)))
    logs.denied = {"PutLogEvents"}
    for tries in (1, 2, 3):
        with host.running() as process:
            while logs.asked["PutLogEvents"] < tries:
                time.sleep(0.02)
            time.sleep(0.2)  # it has been answered
            process.kill()
    logs.denied = set()
    with host.running() as process:
        until(lambda: len(logs.streams.get(WEB, [])) == 900)
        ended(process)
    assert [line[:6] for line in logs.streams[WEB]] == [f"{number:06}" for number in range(900)]


@pytest.mark.parametrize(
    "failure",
    [(400, "ThrottlingException"), (503, "ServiceUnavailableException"), (500, "")],
)
def test_what_passes_by_itself_is_tried_again(
    host: Host, logs: Logs, failure: tuple[int, str]
) -> None:
    host.log("one")
    with host.running() as process:
        until(lambda: logs.streams.get(WEB))
        logs.failures = [failure] * 2
        host.log("two", "three")
        until(lambda: len(logs.streams[WEB]) == 3)
        assert "not written to /shop/production" in ended(process)
    assert logs.streams[WEB] == ["one", "two", "three"]


def test_a_missing_right_is_told_once_and_nothing_is_lost(host: Host, logs: Logs) -> None:
    logs.denied = {"CreateLogGroup", "PutRetentionPolicy", "PutLogEvents"}
    host.log("one")
    with host.running() as process:
        until(lambda: logs.asked["PutLogEvents"] >= 3)
        # A group that others have made is enough.
        logs.groups[GROUP] = None
        logs.denied -= {"PutLogEvents"}
        until(lambda: logs.streams.get(WEB))
        said = ended(process)
    assert said.count("AccessDeniedException: AWS's words of PutLogEvents") == 1
    assert "PutRetentionPolicy: AccessDeniedException" in said
    assert logs.streams[WEB] == ["one"]


def test_without_a_role_it_says_which_setting_is_missing(host: Host, logs: Logs) -> None:
    roles = host.metadata.pop("iam/security-credentials/")
    host.log("one")
    with host.running() as process:
        until(lambda: (host.state / "pending").exists())
        time.sleep(0.5)
        host.metadata["iam/security-credentials/"] = roles
        until(lambda: logs.streams.get(WEB))
        assert "this machine has no role: name one in infra.instance_profile" in ended(process)


def test_much_at_once_goes_in_requests_that_aws_takes(host: Host, logs: Logs) -> None:
    wrote = [f"{number} " + "ä" * 2000 for number in range(1500)]
    host.log(*wrote)
    with host.running() as process:
        until(lambda: len(logs.streams.get(WEB, [])) == 1500)
        ended(process)
    assert logs.streams[WEB] == wrote
    assert max(logs.sizes) <= 1_000_000
    # As few as that allows: not one for each line.
    assert len(logs.sizes) < 12


def test_lines_of_every_kind(host: Host, logs: Logs) -> None:
    coloured = "\x1b[31mGrüße\x1b[0m 世界"
    host.log("", 'a\tb "c" \\d', list(coloured.encode()), list(b"\xff\xfe!"), ["two", "fields"])
    host.log(None, "x" * 70_000)
    with host.running() as process:
        until(lambda: len(logs.streams.get(WEB, [])) == 6)
        ended(process)
    found = logs.streams[WEB]
    assert found[:3] == [" ", 'a\tb "c" \\d', coloured]
    assert found[3].endswith("!")
    assert found[4] == "two\nfields"
    assert found[5] == "x" * 60_000


def test_the_values_of_settings_are_shown_by_name(host: Host, logs: Logs) -> None:
    """Nothing else of a request is: a setting may have the value of a part of a group's name."""
    settings = {"KEY": 'qu"ote\\d secret', "URL": "postgres://shop:p4ss-w0rd@db/shop"}
    for name, value in {**settings, "GROUP_NAME": GROUP, "SHORT": "web"}.items():
        (host.settings / name).write_text(value)
    host.log(f"began with {settings['KEY']}", f"cannot reach {settings['URL']}: p4ss-w0rd is wrong")
    host.log(list(f"\x1b[1m{settings['KEY']}".encode()), f"web in {GROUP}")
    with host.running() as process:
        until(lambda: len(logs.streams.get(WEB, [])) == 4)
        ended(process)
    assert logs.streams[WEB] == [
        "began with [KEY]",
        "cannot reach [URL]: [URL] is wrong",
        "\x1b[1m[KEY]",
        "web in [GROUP_NAME]",
    ]
    assert list(logs.groups) == [GROUP]


def test_lines_that_cannot_be_hidden_stay_in_the_journal(host: Host, logs: Logs) -> None:
    hide = host.scripts / "hide-settings"
    text = hide.read_text()
    hide.write_text("exit 1\n")
    host.log("one", "two")
    with host.running() as process:
        until(lambda: (host.state / "next" / "shown").exists())
        time.sleep(0.5)  # it has failed
        assert logs.streams == {}
        hide.write_text(text)
        until(lambda: logs.streams.get(WEB) == ["one", "two"])
        assert "they stay there" in ended(process)


def test_a_value_is_hidden_where_a_long_line_is_cut(host: Host, logs: Logs) -> None:
    (host.settings / "KEY").write_text("hunter2hunter2")
    host.log("x" * 59990 + "hunter2hunter2" + "y" * 100)
    with host.running() as process:
        until(lambda: WEB in logs.streams and logs.streams[WEB])
        ended(process)
    assert logs.streams[WEB] == ["x" * 59990 + "[KEY]" + "y" * 5]


def test_a_value_in_the_middle_of_what_is_escaped_holds_up_nothing(host: Host, logs: Logs) -> None:
    """A line end stands as \\n in JSON, and the value begins with that n."""
    (host.settings / "KEY").write_text("network1")
    host.log("one", "two\nnetwork1", "three\netwo", "four\network1", "five")
    with host.running() as process:
        until(lambda: len(logs.streams.get(WEB, [])) == 5)
        ended(process)
    assert logs.streams[WEB] == [
        "one",
        "two\n[KEY]",
        "three\netwo",
        "a line that had a value of the settings in it",
        "five",
    ]


def test_one_line_that_is_refused_does_not_hold_up_the_others(host: Host, logs: Logs) -> None:
    host.log("one")
    with host.running() as process:
        until(lambda: logs.streams.get(WEB))
        host.log("refuse me")
        until(lambda: len(logs.sizes) >= 2)
        host.log("three")
        until(lambda: "three" in logs.streams[WEB])
        assert "lines are left out" in ended(process)
    assert logs.streams[WEB] == ["one", "three"]


def test_a_clock_that_was_put_back_breaks_no_order(host: Host, logs: Logs) -> None:
    day = 24 * 3600 * 1_000_000
    for number, moment in enumerate((2 * day, day, 0)):
        host.log(f"{number}", __REALTIME_TIMESTAMP=str(1_790_000_000_000_000 + moment))
    with host.running() as process:
        until(lambda: len(logs.streams.get(WEB, [])) == 3)
        ended(process)
    assert logs.streams[WEB] == ["2", "1", "0"]
