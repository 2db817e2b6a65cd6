"""The command line, with the commands in use: version, init, validate, fmt and build."""

import argparse
import json
import os
import signal
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from sandbox.packer_standin import report, template, version
from sandbox.packer_standin.builder import Builder, BuildError
from sandbox.packer_standin.control import Control
from sandbox.packer_standin.ec2 import Ec2, Ec2Error
from sandbox.packer_standin.spot import NoSpotError
from sandbox.packer_standin.template import Template, TemplateError
from sandbox.packer_standin.ui import Ui

NOTE = "This is the sandbox's stand-in for Packer: nothing is provisioned, nothing is run."


class CancelledError(Exception):
    pass


def main(arguments: Sequence[str]) -> int:
    if version.told(arguments):
        return 0
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if command in ("init", "fmt"):
        return 0
    if command in ("validate", "build"):
        return _with_template(command, rest)
    sys.stderr.write("Usage: packer build|validate|fmt|init|version (stand-in)\n")
    return 127


def _with_template(command: str, rest: Sequence[str]) -> int:
    options = _options(rest)
    try:
        found = template.read(Path(options.template), options.var_file, options.var)
    except (TemplateError, ValueError) as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    if command == "validate":
        sys.stdout.write("The configuration is valid. (stand-in: only variables were looked at)\n")
        return 0
    return _Build(found, machine_readable=options.machine_readable).run()


def _options(rest: Sequence[str]) -> argparse.Namespace:
    """Packer's flags have one dash. Their value follows after = or a blank."""
    parser = argparse.ArgumentParser(prog="packer", allow_abbrev=False)
    parser.add_argument("-machine-readable", action="store_true")
    for flag in ("-color", "-on-error", "-only", "-except", "-timestamp-ui", "-parallel-builds"):
        parser.add_argument(flag)
    for flag in ("-force", "-debug", "-syntax-only"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("-var", action="append", default=[])
    parser.add_argument("-var-file", action="append", default=[], type=Path)
    parser.add_argument("template")
    return parser.parse_args(list(rest))


class _Build:
    def __init__(self, found: Template, *, machine_readable: bool) -> None:
        self._template = found
        self._ui = Ui(found.full_name, machine_readable=machine_readable)
        self._cancelled = False
        self._run_uuid = str(uuid.uuid4())
        self._poll = 0.0

    def run(self) -> int:
        started = time.monotonic()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._cancel)
        try:
            artifact = self._build()
        except CancelledError:
            self._finish(started)
            self._ui.say("Cleanly cancelled builds after being interrupted.")
            return 1
        except (BuildError, NoSpotError, Ec2Error, OSError) as error:
            return self._failed(str(error), started)
        self._succeeded(artifact, started)
        return 0

    def _cancel(self, number: int, _frame: FrameType | None) -> None:
        if not self._cancelled:
            name = "terminated" if number == signal.SIGTERM else "interrupt"
            self._cancelled = True
            self._ui.error(f"Cancelling build after receiving {name}")

    def _build(self) -> str:
        endpoint = self._template.text("endpoint") or os.environ.get("AWS_ENDPOINT_URL", "")
        if not endpoint:
            raise BuildError("the stand-in works with a sandbox only: set `endpoint`")
        region = self._template.text("region") or os.environ.get("AWS_REGION", "")
        control = Control(endpoint)
        speed = control.speed()
        delay = float(os.environ.get("AWS_POLL_DELAY_SECONDS") or 2)
        self._poll = max(delay / speed, 0.02)
        self._ui.step(NOTE)
        builder = Builder(
            self._template,
            Ec2(endpoint, region, time.sleep),
            self._ui,
            pause=lambda: self._wait(self._poll),
            pause_in_clean_up=lambda: time.sleep(self._poll),
        )
        self._builder = builder
        try:
            return self._steps(builder, control, speed)
        finally:
            builder.clean_up()

    def _steps(self, builder: Builder, control: Control, speed: float) -> str:
        builder.prepare()
        if self._template.builder == "amazon-ebs":
            list_of_packages = self._template.text("package_list")
            application = self._application()
            self._upload()
            # A base image behaves as the rules for its source image say.
            source = control.properties(self._template.text("source_ami"))
            properties = source if list_of_packages else application
            self._bake(properties, speed, from_layer="/layer/" in builder.source_name)
            if list_of_packages:
                report.write_packages(Path(list_of_packages), properties)
            builder.stop()
            # An image has what its source has.
            has = {key: source[key] for key in ("packages",) if key in source} | application
            image_id = builder.create_image(lambda one: control.describe_image(one, has))
            return f"{builder.template.text('region')}:{image_id}"
        properties = control.properties(self._template.text("source_ami"))
        if self._template.name == "task":
            self._carry_out(properties, speed)
            builder.stop()
            return ""
        self._provision(properties, "test_seconds", speed)
        code = report.write(Path(self._template.text("report_dir")), properties)
        if code:
            raise _exit_status(code)
        builder.stop()
        return ""

    def _bake(self, properties: dict[str, Any], speed: float, *, from_layer: bool) -> None:
        """What a layer has installed is not installed again."""
        if not from_layer and self._template.text("dependencies_command"):
            self._provision(properties, "dependencies_seconds", speed)
            if properties.get("dependencies") == "broken":
                raise _exit_status(report.DEPENDENCIES)
        if self._template.text("stage") == "layer":
            return
        self._provision(properties, "bake_seconds", speed)
        if properties.get("build") == "broken":
            raise _exit_status(report.DEPENDENCIES)

    def _carry_out(self, properties: dict[str, Any], speed: float) -> None:
        """As packer/scripts/task.sh does it."""
        self._ui.step("Provisioning with shell script: nothing (stand-in)")
        if properties.get("task_unit") == "missing":
            raise _exit_status(report.UNIT)
        output = report.task_output(properties, Path(self._template.text("command_file")))
        self._ui.detail("task: it begins")
        for line in output:
            self._ui.detail(line)
        self._wait(float(properties.get("task_seconds", 5)) / speed)
        self._ui.detail("task: it has ended")
        folder, app = Path(self._template.text("report_dir")), self._template.text("app_name")
        report.write_task(folder, properties, output, app)

    def _application(self) -> dict[str, Any]:
        archive = self._template.text("app_archive")
        return template.behaviour(Path(archive)) if archive else {}

    def _upload(self) -> None:
        """Nothing is sent, but what is not there is missed as Packer misses it."""
        for name in ("app_archive", "units", "secrets_file"):
            path = self._template.text(name)
            if path and not Path(path).exists():
                raise BuildError(f"Bad source '{path}': stat {path}: no such file or directory")

    def _provision(self, properties: dict[str, Any], name: str, speed: float) -> None:
        self._ui.step("Provisioning with shell script: nothing (stand-in)")
        self._wait(float(properties.get(name, 5)) / speed)
        if self._builder.on_spot:
            self._builder.require_alive()

    def _wait(self, seconds: float) -> None:
        """Waits in small steps, so that a signal soon ends it."""
        deadline = time.monotonic() + seconds
        while True:
            if self._cancelled:
                raise CancelledError
            left = deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.05))

    # -- the end --

    def _finish(self, started: float) -> None:
        self._ui.say(f"\n==> Wait completed after {time.monotonic() - started:.0f} seconds")

    def _failed(self, text: str, started: float) -> int:
        name = self._template.full_name
        self._ui.error(
            f"Build '{name}' errored after {time.monotonic() - started:.0f} seconds: {text}"
        )
        self._finish(started)
        self._ui.machine("error-count", "1")
        self._ui.error("\n==> Some builds didn't complete successfully and had errors:")
        self._ui.machine("error", text, target=name)
        self._ui.error(f"--> {name}: {text}")
        self._ui.say("\n==> Builds finished but no artifacts were created.")
        return 1

    def _succeeded(self, artifact: str, started: float) -> None:
        name = self._template.full_name
        manifest = self._template.text("manifest")
        if manifest and artifact:
            self._ui.step("Running post-processor:  (type manifest)")
            self._write_manifest(Path(manifest), artifact)
        self._ui.say(f"Build '{name}' finished after {time.monotonic() - started:.0f} seconds.")
        self._finish(started)
        self._ui.say("\n==> Builds finished. The artifacts of successful builds are:")
        kind = "amazonebs" if artifact else "amazon.ebsvolume"
        region, _, image_id = artifact.partition(":")
        words = (
            f"AMIs were created:\n{region}: {image_id}\n"
            if artifact
            else "EBS Volumes were created:\n\n"
        )
        self._ui.machine("artifact-count", "1", target=name)
        self._ui.machine("artifact", "0", "builder-id", f"mitchellh.{kind}", target=name)
        self._ui.machine("artifact", "0", "id", artifact, target=name)
        self._ui.machine("artifact", "0", "string", words, target=name)
        self._ui.machine("artifact", "0", "files-count", "0", target=name)
        self._ui.machine("artifact", "0", "end", target=name)
        self._ui.say(f"--> {name}: {words}")

    def _write_manifest(self, path: Path, artifact: str) -> None:
        """Appends to an earlier manifest, as Packer does."""
        content = json.loads(path.read_text()) if path.exists() else {"builds": []}
        content["builds"].append(
            {
                "name": self._template.name,
                "builder_type": self._template.builder,
                "build_time": int(time.time()),
                "files": None,
                "artifact_id": artifact,
                "packer_run_uuid": self._run_uuid,
                "custom_data": None,
            }
        )
        content["last_run_uuid"] = self._run_uuid
        path.write_text(json.dumps(content, indent=2) + "\n")


def _exit_status(code: int) -> BuildError:
    return BuildError(
        f"Script exited with non-zero exit status: {code}.Allowed exit codes are: [0]"
    )
