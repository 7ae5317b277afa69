"""What a laptop can tell: the wire contract, the signals and the readers of the host."""

__version__ = "0.1.0"
