"""Shared signals: when a laptop's verdict changes, whoever subscribed hears it, signed."""
