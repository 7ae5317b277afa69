"""What only root may read, told to the unprivileged agent by a small process of its own.

The agent sends one of a few words without arguments over a local socket; the answers to the
questions behind that word come back, without keys, passwords and whatever no reader needs. `verbs`
lists the words, one module each gathers and filters the answers, `server` and `client` are the two
ends of the socket.
"""
