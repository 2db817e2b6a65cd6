"""`make up`: all of Spotkiln on this machine until Ctrl-C: Prefect's server, a worker, the
deployments of prefect.yaml, the automations and the push receiver."""
