"""Keys: groups of the keys of spotkiln.yaml that have a rule in common."""

# The keys that hold shell.
COMMANDS = ("dependencies", "build", "test_setup", "test", "migrate", "start")
# The keys that hold variables. Each is a whole environment: none has anything of the others.
VARIABLES = ("environment", "build_environment", "test_environment")

# Only spotkiln.yaml may say these, and no deployment.
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
# Where nobody says these keys, there is none: no default takes their place.
MAY_BE_NONE = frozenset({"memory_mb"})
# Where nobody says the first key, the value of the second one counts.
FOLLOWS = {"health_port": "port"}
