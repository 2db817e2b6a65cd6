"""What is said of a machine that ended by itself."""

import pytest

from sandbox.machines.docker.container import why_it_died


class Ended:
    """A container that has ended, as far as it is looked at."""

    def __init__(self, code: int, console: bytes) -> None:
        self.attrs = {"State": {"ExitCode": code}}
        self._console = console

    def logs(self, tail: int) -> bytes:
        return self._console


@pytest.mark.parametrize(
    ("code", "console", "hinted"),
    [(255, b"", True), (255, b"Started ssh.service\r\n", False), (137, b"", False)],
)
def test_a_systemd_that_could_not_begin_is_told_with_what_to_do(
    code: int, console: bytes, hinted: bool
) -> None:
    said = why_it_died(Ended(code, console))  # type: ignore[arg-type]
    assert said.startswith("the machine vanished")
    assert ("raise fs.inotify.max_user_instances" in said) is hinted
