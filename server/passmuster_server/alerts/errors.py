"""Why a message did not go out."""


class NotSentError(Exception):
    """It could not be sent. The message says why, without anything of the alert or a secret."""


class RefusedError(NotSentError):
    """The receiver has read it and does not want it: it would not another time.

    The message is in its own words, which may name a person: for whoever asked for a test.
    """
