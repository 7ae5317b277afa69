"""Versioned policies, the verdicts they lead to, and the history of both."""
