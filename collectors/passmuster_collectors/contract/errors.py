"""The one error that every refused message ends in."""


class ContractError(ValueError):
    """A message does not keep to the contract.

    `field` is the path of the offending field (`records[0].readings[2].status`, or `""` for the
    message as a whole); `problem` is a sentence without any of the refused content.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}" if field else problem)
        self.field = field
        self.problem = problem
