"""Spot fleets: requested, filled, modified, cancelled."""
