"""The launcher Auto Scaling: everything that knows it.

AWS recommends it for new work. Its groups are fleets here. Nothing outside of this folder knows its
calls, its processes, its activities, and the tag that it puts on its instances.
"""
