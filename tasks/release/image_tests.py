"""The tests of a release's new image: before its servers are asked for, or beside that."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from spotkiln.bake.image import Image
from spotkiln.bake.reuse import Reuse
from spotkiln.beside import Beside
from spotkiln.keep.heartbeat import Heartbeat
from spotkiln.release.happening import TestsRan
from spotkiln.release.job import Job
from spotkiln.release.migration import Migration
from spotkiln.tasks.bake.contents import keep_contents
from spotkiln.tasks.bake.image import discard_image, test_in_image
from spotkiln.tasks.release.run import ReleaseRun
from spotkiln.tasks.release.steps import launches_beside_tests, refuse_vulnerable
from spotkiln.tasks.step import not_urgent, say


class ImageTests:
    """What an image must pass before anybody gets requests. An image that was there is not tested
    again."""

    def __init__(self, run: ReleaseRun, turn: Heartbeat, job: Job) -> None:
        self._run, self._turn, self._job = run, turn, job
        self._beside = Beside()
        # What is still to be tested.
        self._left: Image | None = None

    def first(self, image: Image, choice: Reuse, migration: Migration) -> None:
        """Run them now, unless they may run beside the launch. Raises what they come to, if that is
        not well."""
        if launches_beside_tests(self._run, self._job, choice, migration):
            self._left = image
            return
        if choice.image is None:
            self._turn.check()
            self._test(image, last=not migration.once)
        refuse_vulnerable(self._run, image)

    def _test(self, image: Image, *, last: bool) -> None:
        with self._run.timed("test"):
            self._run.note(TestsRan(report=test_in_image(self._job, image, last=last)))
            with not_urgent("keep the image's SBOM", "what is in it is not known"):
                keep_contents(self._job, image)

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Those that are left run beside the block. If that ends in an error, they are told to
        end."""
        if self._left:
            self._turn.check()
            self._beside.start(partial(self._all_of_them, self._left))
        try:
            yield
        except BaseException:
            self._beside.stop()
            raise

    def _all_of_them(self, image: Image) -> None:
        self._test(image, last=True)
        refuse_vulnerable(self._run, image)

    def check(self) -> None:
        """Raises what they have come to, if they have ended, and not well."""
        if not self._beside.under_way:
            self._beside.result()

    def wait(self) -> bool:
        """Until they have ended, and well; whether that took any time. Raises as `check`."""
        waits = self._beside.under_way
        if waits:
            say("the new servers are ready before the tests have ended: waiting for these")
            with self._run.timed("wait for the tests"):
                self._beside.wait()
        self.check()
        return waits

    def discard_image(self) -> list[str]:
        """Undo the image steps at whatever point they were."""
        self._beside.wait()
        return discard_image(self._job)
