"""Which server a Python application is started with, and what tests it."""

from spotkiln.bake.detect.detected import Notes
from spotkiln.bake.detect.project import Project
from spotkiln.bake.detect.python_packages import PYTHON, TESTERS

SERVERS = ("gunicorn", "uvicorn", "hypercorn", "daphne", "waitress")


def serve(
    project: Project, notes: Notes, module: str, *, asgi: bool, why: str, before: str = ""
) -> None:
    """`module` is what servers are given, such as shop.wsgi:application; `before` stands before
    the command."""
    server = next((one for one in SERVERS if one in project.by), "")
    # A pack of several, as fastapi[standard] is, brings uvicorn.
    if not server and asgi and "fastapi" in project.by:
        server = "uvicorn"
    if not server:
        program = "uvicorn --host 0.0.0.0 --port" if asgi else "gunicorn --bind 0.0.0.0:"
        program = program + (" $PORT" if asgi else "$PORT")
        notes.miss(
            "start",
            f"{why}, and no server is asked for: add one to the packages, such as "
            f"{program.split()[0]}, or install it in `build`, and start with "
            f"`{before}{PYTHON} -m {program} {module}`",
        )
        return
    told = project.has(server) or "fastapi brings uvicorn"
    if module.endswith("()"):
        # A function that makes the application: each server has its own word for that.
        module = {
            "gunicorn": f"'{module}'",
            "uvicorn": f"--factory {module.removesuffix('()')}",
            "waitress": f"--call {module.removesuffix('()')}",
        }.get(server, module)
    commands = {
        "gunicorn": f"{PYTHON} -m gunicorn --bind 0.0.0.0:$PORT {module}",
        "uvicorn": f"{PYTHON} -m uvicorn --host 0.0.0.0 --port $PORT {module}",
        "hypercorn": f"{PYTHON} -m hypercorn --bind 0.0.0.0:$PORT {module}",
        "daphne": f"{PYTHON} -m daphne -b 0.0.0.0 -p $PORT {module}",
        "waitress": f"{PYTHON} -m waitress --port=$PORT {module}",
    }
    command = commands[server]
    if server == "gunicorn" and asgi:
        worker = "uvicorn_worker" if "uvicorn-worker" in project.by else "uvicorn.workers"
        command = command.replace(" --bind", f" --worker-class {worker}.UvicornWorker --bind")
    notes.say("start", before + command, f"{told}; {why}")
    notes.say("notify", False, f"{told}: that it is ready, its health path tells")


def by_pytest(project: Project, notes: Notes) -> bool:
    why = project.tester(*TESTERS)
    if why and not notes.missed("test"):
        notes.say("test", f'{PYTHON} -m pytest --junitxml="$JUNIT"', why)
    return bool(why)
