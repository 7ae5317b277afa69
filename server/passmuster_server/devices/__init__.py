"""Enrolment, keys, owners and revocation."""
