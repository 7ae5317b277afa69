"""The server's own signing keys: what it tells other software, that software can check."""
