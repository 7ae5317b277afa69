"""The gate's third door: an OpenID provider, a step inside the organisation's own login.

OpenID Connect Core 1.0 and Discovery 1.0; section numbers in this package are Core's where no other
specification is named.
"""
