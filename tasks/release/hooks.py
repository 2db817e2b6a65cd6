"""The steps that call hooks."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from prefect import task
from prefect.cache_policies import NO_CACHE

from spotkiln import tags as t
from spotkiln.aws.bake import image as images
from spotkiln.aws.session import connect
from spotkiln.bake.errand import Errand
from spotkiln.bake.image import Image
from spotkiln.bake.infra import Infra
from spotkiln.bake.own import HOOK
from spotkiln.errors import GateFailed, SpotkilnError
from spotkiln.hosts_api import webhook
from spotkiln.prefect_api import secret
from spotkiln.prefect_api.connection import ask
from spotkiln.release.hook import FAILS, Hook, Hooks, Message, Moment
from spotkiln.release.summary import tags
from spotkiln.tasks.bake.errand import carry_out_apart, trial_of
from spotkiln.tasks.release.run import ReleaseRun
from spotkiln.tasks.step import say


@dataclass(frozen=True)
class Hooked:
    """A release whose hooks are called. `serving` is the id of the image that served before it, if
    any did: a command after a rollback is that one's."""

    run: ReleaseRun
    infra: Infra
    image: Image
    serving: str = ""

    def at(self, moment: Moment, percent: int | None = None) -> None:
        """Call the one of this moment, if there is one.

        Raises:
            GateFailed: it failed, and that means something at this moment.
        """
        hook = self.run.spec.hooks.at(moment)
        if not hook.asked:
            return
        message = Message(
            moment=moment,
            app=self.run.spec.app.name,
            release=self.run.id,
            commit=self.image.commit,
            image=self.image.id,
            target_group=self.infra.home.name,
            percent=percent,
        )
        try:
            why, lines = self._why(hook, message)
        except Exception as error:  # noqa: BLE001 - whatever it is, the hook has failed
            # Another's own words may hold anything.
            why = str(error) if isinstance(error, SpotkilnError) else type(error).__name__
            lines = ""
        if why and moment in FAILS and self._binding:
            told = f"the hook {moment} failed, so {FAILS[moment]}: {why}"
            raise GateFailed(told, cause="hook", last_lines=lines)
        if why:
            say(f"the hook {moment} failed, which changes nothing: {why}", logging.WARNING)

    @property
    def _binding(self) -> bool:
        """Nothing stands between a person and a rollback: there a failure is told."""
        return self.run.book.source is not None

    def _why(self, hook: Hook, message: Message) -> tuple[str, str]:
        """Why it failed, and a command's last lines."""
        if hook.url:
            return call_webhook(hook, self.run.spec.hooks.secret, message), ""
        return call_command(self._errand(hook, message))

    def _errand(self, hook: Hook, message: Message) -> Errand:
        run, image = self.run, self.image
        if message.moment is Moment.AFTER_ROLLBACK and self.serving:
            image = images.describe(connect(self.infra.region), self.serving) or image
        trial = trial_of(run.spec, self.infra, image, run.id, tags(run.book), run.folder)
        changed = {
            "script": message.script(hook.command),
            "seconds": hook.seconds,
            "folder": run.folder / "hook",
            "tags": {**trial.tags, t.ROLE: HOOK},
        }
        return trial.model_copy(update=changed)


# A message is repeated by its sender, and a command may not bear a second time.
@task(name="call hook", task_run_name="hook {message.moment}", cache_policy=NO_CACHE, retries=0)
def call_webhook(hook: Hook, secret_name: str, message: Message) -> str:
    """Post a message; why it was not taken, or nothing."""
    say(f"telling {hook.host}: {message.moment}")
    key = ask(secret.require, secret_name)
    return webhook.post(hook, message, key, lambda: datetime.now(UTC)).why


@task(name="run hook", task_run_name="hook: command", cache_policy=NO_CACHE, retries=0)
def call_command(errand: Errand) -> tuple[str, str]:
    """Carry out a command on a machine of its own; why it did not end well, or nothing, and its
    last lines."""
    ended = carry_out_apart(errand, "hook")
    return (ended.why or f"exit status {ended.code}", ended.last_lines) if ended.code else ("", "")


def require_hooks(hooks: Hooks) -> None:
    """
    Raises:
        InputError: messages are to be signed by a secret that is empty, or not there.
    """
    if hooks.secret:
        ask(secret.require, hooks.secret)
