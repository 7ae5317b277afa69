"""The people who administer, their sign-in links and sessions."""
