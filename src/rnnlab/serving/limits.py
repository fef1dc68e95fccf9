"""Limits of a server: what it accepts, and how long it waits."""

from dataclasses import dataclass

from rnnlab.errors import ConfigError

MAX_BLOCKS = 100  # horizons of a forecast
MAX_NEW_TOKENS = 1_000  # of a generated text
MAX_BEAMS = 20  # of a translation


@dataclass(frozen=True)
class ServerLimits:
    """Limits of a server.

    Attributes:
        batch_size: texts that the network reads at the same time.
        inputs: texts or rows of one request.
        megabytes: of the body of a request.
        seconds: to receive a request, and to answer it.
        waiting: requests that wait for an answer; further ones are refused.

    Raises:
        ConfigError: one is out of range.
    """

    batch_size: int = 64
    inputs: int = 10_000
    megabytes: float = 1.0
    seconds: float = 30.0
    waiting: int = 1_000

    def __post_init__(self) -> None:
        options = {
            "max-batch-size": self.batch_size,
            "max-inputs": self.inputs,
            "max-megabytes": self.megabytes,
            "timeout": self.seconds,
            "max-waiting": self.waiting,
        }
        for name, value in options.items():
            if not 0 < value < float("inf"):
                raise ConfigError(f"--{name} {value:g}: must be more than 0")

    @property
    def num_bytes(self) -> int:
        """Size of the largest body."""
        return round(self.megabytes * 1e6)
