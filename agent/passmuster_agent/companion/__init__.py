"""The companion: a small process in the worker's own session, and the daemon's ear for it.

The daemon asks what only the session itself can see, and tells a verdict that got worse. Nothing
else goes over their socket, and nothing that either of them would run.
"""
