"""Signed reports: verified, ratcheted, stored, judged and answered."""
