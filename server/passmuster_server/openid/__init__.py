"""The organisation's own sign-in: this server as a relying party of its OpenID provider."""
