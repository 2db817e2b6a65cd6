"""Spotkiln turns a commit into servers: nouns and decisions, without Prefect and without AWS."""

__version__ = "0.1.0"
