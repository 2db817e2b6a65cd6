"""One release: what was asked for, what it would do, who agreed, how it ended."""
