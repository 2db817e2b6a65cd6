"""How long one command may take. By itself, so that the command's help need not load the rest."""

DEFAULT_SECONDS = 3600
LEAST_SECONDS, MOST_SECONDS = 5, 24 * 3600
