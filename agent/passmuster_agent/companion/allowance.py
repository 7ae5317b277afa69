"""How often somebody may do something."""


class Allowance:
    """At most `most` times in `within_s` seconds. Told the time, in seconds."""

    def __init__(self, most: int, within_s: float) -> None:
        self._most = most
        self._within_s = within_s
        self._began = float("-inf")
        self._spent = 0

    def spend(self, at: float) -> bool:
        """Take note of one more time; return whether it was allowed."""
        if at - self._began >= self._within_s:
            self._began, self._spent = at, 0
        self._spent += 1
        return self._spent <= self._most
