"""What a machine tells of itself, and the facts that are read from it."""

from typing import Any

from spotkiln.bake.facts import (
    Answer,
    Facts,
    Unit,
    Where,
)

# As `systemctl show`, `ss` and curl say it on Debian 12.
TOLD = """\
[units]
Type=oneshot
Result=success
ExecMainCode=1
ExecMainStatus=0
Id=shop-role.service
ActiveState=active
SubState=exited

Type=oneshot
Result=exit-code
ExecMainCode=1
ExecMainStatus=1
Id=shop-migrate.service
ActiveState=failed
SubState=failed

Type=exec
Result=success
ExecMainCode=2
ExecMainStatus=15
Id=shop.service
ActiveState=inactive
SubState=dead
[listening]
LISTEN 0      128          0.0.0.0:22        0.0.0.0:*    users:(("sshd",pid=412,fd=3)) ino:1
LISTEN 0      4096       127.0.0.1:8080      0.0.0.0:*    users:(("ruby",pid=150,fd=5)) uid:999
LISTEN 0      4096          [::1]:9090         [::]:*    uid:999 ino:3 sk:3
LISTEN 0      4096               *:7000            *:*    uid:1000 ino:4 sk:4
[user]
999
[answer]
url=http://10.0.0.5:8080/health
status=301
location=https://10.0.0.5:8080/health
trouble=
"""
JOURNAL = """\
2026-11-26T01:00:44+0000 shop-i-1 systemd[1]: Starting shop-migrate.service - shop, preparation...
2026-11-26T01:00:46+0000 shop-i-1 shop-migrate[655]: shop.rb:5:in `fetch': key not found: "TOKEN"
                                                     (KeyError)
2026-11-26T01:01:03+00:00 shop-i-1 systemd[1]: shop-migrate.service: Main process exited, \
code=exited, status=1/FAILURE
2026-11-26T01:01:03+0000 shop-i-1 systemd[1]: shop-migrate.service: Failed with result 'exit-code'.
"""


def facts(**changes: Any) -> Facts:
    """Of a tester on which everything is active."""
    settings = {"app": "shop", "where": Where.TESTER, "port": 8080, "units": units()}
    return Facts.model_validate({**settings, **changes})


def units(**app: Any) -> tuple[Unit, ...]:
    active = {"state": "active"}
    return (
        Unit(name="shop-role.service", kind="oneshot", **active),
        Unit(name="shop-migrate.service", kind="oneshot", **active),
        Unit(**{"name": "shop.service", "kind": "exec", "sub": "running", **active, **app}),
    )


def answered(status: int, location: str = "", trouble: str = "") -> Answer:
    return Answer(
        url="http://10.0.0.5:8080/health", status=status, location=location, trouble=trouble
    )
