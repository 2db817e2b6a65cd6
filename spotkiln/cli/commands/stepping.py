"""Commands for a release that hands requests over in steps.

Each imports what it needs when it runs: Prefect and boto3 take seconds, and neither help nor a
mistake in what was typed is worth the wait.
"""

from spotkiln.cli.output import Exit, Json, show


def pause(name: str, /, *, as_json: Json = False) -> int:
    """Let the release of NAME that hands requests over stay at its step. Bad signals still bring
    the old servers back."""
    return _steer(name, "pause", as_json=as_json)


def resume(name: str, /, *, as_json: Json = False) -> int:
    """Let a paused release of NAME go on with its steps."""
    return _steer(name, "resume", as_json=as_json)


def promote(name: str, /, *, as_json: Json = False) -> int:
    """Give the new servers of NAME all requests now, without more steps and without bake time."""
    return _steer(name, "promote", as_json=as_json)


def abort(name: str, /, *, as_json: Json = False) -> int:
    """Give the old servers of NAME all requests back, and take the new ones away."""
    return _steer(name, "abort", as_json=as_json)


def _steer(name: str, word: str, *, as_json: bool) -> int:
    from spotkiln.cli import steer as steering
    from spotkiln.cli.deployment import settings_of
    from spotkiln.serve.stepping import Steer

    found = steering.steer(settings_of(name), Steer(word))
    show(found, steering.text(found), as_json=as_json)
    return Exit.OK
