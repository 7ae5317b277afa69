"""Which device a browser is on: proven by the device's key, kept for the browser's session."""
