"""A release's new image: baked, and tested before its servers are asked for, or beside that.

Where there are two target groups no step waits for what it does not need: the image is there before
Packer has taken its machine away, and so is what the tests have come to.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from spotkiln.bake.image import Image
from spotkiln.bake.junit import TestReport
from spotkiln.bake.reuse import Reuse
from spotkiln.bake.twin import pair
from spotkiln.beside import LOOK_SECONDS, Beside, side_by_side
from spotkiln.keep.heartbeat import Heartbeat
from spotkiln.release.happening import ImageBaked, TestsRan
from spotkiln.release.job import Job
from spotkiln.release.migration import Migration
from spotkiln.tasks.bake.contents import keep_contents
from spotkiln.tasks.bake.errand import close_access
from spotkiln.tasks.bake.image import Green, Ready, discard_image, test_in_image
from spotkiln.tasks.release.run import ReleaseRun
from spotkiln.tasks.release.steps import (
    bake,
    bake_second,
    copy_here,
    launches_beside_tests,
    refuse_vulnerable,
)
from spotkiln.tasks.step import not_urgent, say


class ImageTests:
    """What an image must pass before anybody gets requests. An image that was there is not tested
    again."""

    def __init__(self, run: ReleaseRun, turn: Heartbeat, job: Job) -> None:
        self._run, self._turn, self._job = run, turn, job
        self._baking, self._testing = Beside(), Beside()
        self._baked: list[Image] = []
        self._report: list[TestReport] = []
        # What is still to be tested.
        self._left: Image | None = None

    def bake(self) -> Image:
        """The new image. With two target groups Packer may still be at its end. One that is taken
        from elsewhere has passed its tests there."""
        if self._job.taken:
            return copy_here(self._run, self._job)
        if self._job.infra.second is None:
            return self._bake_all()
        self._baking.start(self._bake)
        self._until(self._baking, self._baked)
        return self._baked[0]

    def _bake(self) -> None:
        self._baked.append(self._bake_all(self._baked.append))

    def _bake_all(self, ready: Ready | None = None) -> Image:
        """The image, with its twin if it has one: both at the same time."""
        run, job, twin = self._run, self._job, self._job.twin
        with run.timed("bake"):
            if twin is None:
                return bake(run, job, ready)
            seen: dict[str, Image] = {}

            def there(second: str, image: Image) -> None:
                seen[second] = image
                if ready and len(seen) == 2:
                    ready(pair(seen[job.second], seen[twin.second]))

            image = pair(
                *side_by_side(
                    partial(bake, run, job, partial(there, job.second) if ready else None),
                    partial(bake_second, run, twin, partial(there, twin.second) if ready else None),
                )
            )
            run.note(ImageBaked(image=image))
            return image

    def _until(self, beside: Beside, found: list[Image] | list[TestReport]) -> None:
        """Raises what it came to, if that is not well."""
        try:
            while beside.under_way and not found:
                beside.wait(LOOK_SECONDS)
        except BaseException:
            beside.stop()
            raise
        if not found:
            beside.result()

    def first(self, image: Image, choice: Reuse, migration: Migration) -> None:
        """Run them now, unless they may run beside the launch. Raises what they come to, if that is
        not well."""
        if launches_beside_tests(self._run, self._job, choice, migration):
            self._left = image
            if migration.once:
                self._end_of_bake()
            return
        if choice.image is None and self._job.taken is None:
            self._end_of_bake()
            self._turn.check()
            with self._run.timed("test"):
                self._keep(image, self._tested(image, last=not migration.once))
        refuse_vulnerable(self._run, image)

    def _end_of_bake(self) -> None:
        """Until Packer has left nothing of its machine: the next one has the same way in."""
        self._baking.wait()
        self._baking.result()

    def _tested(self, image: Image, *, last: bool, green: Green | None = None) -> TestReport:
        """Of all its images, at the same time. `last` and `green`: as `test_in_image` has them."""
        job, twin = self._job, self._job.twin
        if twin is None or image.twin is None:
            return test_in_image(job, image, last=last, green=green)
        other = test_in_image.with_options(task_run_name=f"3 test: in the image for {twin.second}")
        report, second = side_by_side(
            partial(test_in_image, job, image, last=False),
            partial(other, twin, image.twin, last=False),
        )
        if last:
            with not_urgent("remove the way into the machines that tested", "reconcile does it"):
                close_access.with_options(task_run_name="3 test: close the machines")(job)
        if green:
            green(report)
        say(f"green for {job.infra.base.architecture} and {twin.second}, too: {second}")
        return report

    def _keep(self, image: Image, report: TestReport) -> None:
        self._run.note(TestsRan(report=report))
        with not_urgent("keep the image's SBOM", "what is in it is not known"):
            keep_contents(self._job, image)
            if self._job.twin and image.twin:
                keep_contents(self._job.twin, image.twin)

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Those that are left run beside the block. If that ends in an error, they are told to
        end."""
        if self._left:
            # Whoever launches beside them checks the turn first thing.
            self._testing.start(partial(self._test, self._left))
        try:
            yield
        except BaseException:
            self._baking.stop()
            self._testing.stop()
            raise
        self.end()

    def _test(self, image: Image) -> None:
        self._end_of_bake()
        with self._run.timed("test"):
            report = self._tested(image, last=True, green=self._report.append)
        self._report.append(report)

    def check(self) -> None:
        """Raises what they have come to, if they have ended, and not well."""
        if not self._testing.under_way:
            self._testing.result()

    def wait(self) -> bool:
        """Until it is known that they are green; whether that took any time. Raises as `check`."""
        if self._left is None:
            return False
        waits = self.under_way()
        if waits:
            say("the new servers are ready before the tests have ended: waiting for these")
            with self._run.timed("wait for the tests"):
                self._until(self._testing, self._report)
        self.check()
        self._keep(self._left, self._report[0])
        refuse_vulnerable(self._run, self._left)
        return waits

    def under_way(self) -> bool:
        """Whether requests wait for them, whatever the servers do."""
        return self._left is not None and not self._report and self._testing.under_way

    def end(self) -> None:
        """Until nothing of them is under way, machines included. What they have come to is known
        by then."""
        self._baking.wait()
        self._testing.wait()

    def discard_image(self) -> list[str]:
        """Undo the image steps at whatever point they were."""
        self.end()
        return discard_image(self._job)
