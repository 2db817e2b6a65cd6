"""Steer: a person's word to a release that hands requests over in steps."""

from prefect import State, flow

from spotkiln.start import form
from spotkiln.tasks import names
from spotkiln.tasks.keep.takedown import place_of
from spotkiln.tasks.serve.traffic import Steered, ask_release, state_of


@flow(name="steer", flow_run_name=names.steering, retries=0)
def steer(
    deployment: form.DeploymentName,
    word: form.Steer,
    app: form.OfIts = "",
    target_group: form.OfIts = "",
    region: form.Region = "",
) -> State[Steered]:
    """Pauses, resumes, promotes or aborts a release that hands requests over in steps.

    The release hears it within seconds. Its own page tells what came of it.

    Args:
        deployment: Whose release, by the name of its deployment, such as shop for release/shop.
        word: Pause: it stays at its step, for a day at most. Resume: it goes on. Promote: its new
            servers get all requests now. Abort: the old servers get them back, and the new ones are
            taken away. A bad signal brings the old ones back in any case.
        app: The application's name. Empty: as its deployment has it.
        target_group: By name. Empty: as its deployment has it.
        region: AWS region. Empty: as its deployment has it.
    """
    place = place_of(deployment, app, region, target_group)
    return state_of(ask_release(place.region, place.target_group, word))
