"""The launcher Spot Fleet: everything that knows it.

AWS calls RequestSpotFleet a legacy API. So nothing outside of this folder knows its calls, its
states, its events, and the tag that it puts on its instances.
"""
