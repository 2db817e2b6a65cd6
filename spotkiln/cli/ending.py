"""How a command ends: with which exit code, and what is told of an error."""

from collections.abc import Sequence

from cyclopts import App, CycloptsError

from spotkiln.cli.output import Exit, give_up_stdout, tell
from spotkiln.errors import InputError, SpotkilnError


def exit_code(app: App, arguments: Sequence[str] | None = None) -> int:
    """Run the command; `arguments` are this process's own, unless they are given."""
    try:
        code = app(arguments, exit_on_error=False, print_error=True)
    except CycloptsError:
        return Exit.USAGE
    except InputError as error:
        tell(f"spotkiln: {error}", aside=True)
        return Exit.USAGE
    except SpotkilnError as error:
        tell(f"spotkiln: {error}", aside=True)
        return Exit.FAILED
    except KeyboardInterrupt:
        tell("interrupted; a run that was started goes on", aside=True)
        return Exit.INTERRUPTED
    except BrokenPipeError:
        give_up_stdout()
        return Exit.OK
    return int(code or 0)
