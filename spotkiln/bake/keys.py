"""Keys: those of spotkiln.yaml that are not like the others."""

# The keys that hold shell.
COMMANDS = ("dependencies", "build", "test_setup", "test", "migrate", "start")
# The keys that hold variables. Each is a whole environment: none has anything of the others.
VARIABLES = ("environment", "build_environment", "test_environment")

# An application alone says these, and no deployment.
FILE_ALONE = frozenset(
    {
        "config",
        "dependencies",
        "lock",
        "memory_mb",
        "migrate_writable",
        "mounts",
        "processes",
        "smoke",
        "timers",
    }
)
# A key that nobody has said means that there is none of it.
MAY_BE_NONE = frozenset({"memory_mb"})
# A key that nobody has said is the same as another one.
FOLLOWS = {"health_port": "port"}
