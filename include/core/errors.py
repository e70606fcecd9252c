"""Errors named by what the caller should do; each says the rule, the actual value and the fix."""


class SluiceError(Exception):
    """Base of all errors that Sluice raises on purpose.

    `problem` states the rule and the value that broke it, `fix` what the reader can do about it.
    """

    def __init__(self, problem: str, *, fix: str = "") -> None:
        super().__init__(f"{problem} Fix: {fix}" if fix else problem)
        self.problem = problem
        self.fix = fix


class RetriableError(SluiceError):
    """The world may be better in a minute: a lost connection, a busy slot, an unreachable site."""


class FatalError(SluiceError):
    """Trying again gives the same answer: a person must change a declaration, a source or the data."""


class GateRejected(FatalError):
    """The gate kept a candidate out; the published version stays as it was."""
