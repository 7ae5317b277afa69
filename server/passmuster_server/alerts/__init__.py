"""Alerts for IT: what changed, to whom it may concern, and not in a flood."""
