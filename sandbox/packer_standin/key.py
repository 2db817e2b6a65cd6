"""The access key that calls are signed with: that of the environment, else that of its profile's
`credential_process`, asked for again when it ends, as AWS's SDKs do."""

import configparser
import json
import os
import shlex
import subprocess
from datetime import UTC, datetime, timedelta

EARLY = timedelta(minutes=1)


class Key:
    def __init__(self) -> None:
        self._id = ""
        self._ends = datetime.min.replace(tzinfo=UTC)

    def id(self) -> str:
        if own := os.environ.get("AWS_ACCESS_KEY_ID"):
            return own
        if datetime.now(UTC) + EARLY > self._ends:
            self._ask()
        return self._id or "none"

    def _ask(self) -> None:
        config = configparser.ConfigParser(interpolation=None)
        config.read(os.environ.get("AWS_CONFIG_FILE", os.devnull))
        profile = f"profile {os.environ.get('AWS_PROFILE', '')}"
        command = config.get(profile, "credential_process", fallback="")
        if not command:
            return
        done = subprocess.run(
            shlex.split(command), capture_output=True, text=True, check=False, timeout=60
        )
        if done.returncode:
            raise OSError(f"credential_process: {done.stderr.strip()[-300:]}")
        told = json.loads(done.stdout)
        self._id, self._ends = told["AccessKeyId"], datetime.fromisoformat(told["Expiration"])
