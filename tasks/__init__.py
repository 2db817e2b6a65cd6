"""The steps of a release, a file a noun: retries, timeouts and artifacts, and only those."""
