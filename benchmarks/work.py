"""What is measured: the work of a contender and the figures of it, as JSON can carry them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from benchmarks.streams import MIB

__all__ = ["KIB", "Figures", "Operation", "Work", "works"]

Operation: TypeAlias = Literal["put", "get", "stat", "delete", "list", "stream_in", "stream_out"]

SMALL: tuple[Operation, ...] = ("put", "get", "stat", "delete")
STREAMS: tuple[Operation, ...] = ("stream_in", "stream_out")
KIB = 1 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Say what to do: `size` is in bytes, or of files to list; `seconds` about how long to go on.

    get, stat and delete take the files of the put before them, and stream_out that of stream_in.
    """

    operation: Operation
    size: int = KIB
    in_flight: int = 1
    seconds: float = 0.5

    @property
    def row(self) -> str:
        """Return its line in the tables."""
        if self.operation == "list":
            return f"list {self.size:,}, keys"
        if self.is_stream:
            return f"{self.operation.replace('_', ' ')} {_human(self.size)}, MiB"
        sized = self.operation in {"put", "get"} or self.size != KIB
        size = f" {_human(self.size)}" if sized else ""
        return f"{self.operation}{size}, {self.in_flight} in flight"

    @property
    def is_stream(self) -> bool:
        """Tell whether it is one large file."""
        return self.operation in STREAMS

    def as_json(self) -> dict[str, Any]:  # Any: values of JSON
        """Return what a contender's process reads."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Tell of one slice: `count` is of operations, of keys listed, or of MiB streamed.

    `seconds` are by the clock; `cpu` and `server_cpu` are seconds of processors, None where
    the server is not ours; `peak` is KiB of resident memory above what the first call left.
    """

    count: float
    seconds: float
    cpu: float
    peak: int
    server_cpu: float | None = None

    @property
    def rate(self) -> float:
        """Return how many a second."""
        return self.count / self.seconds


def works(
    operations: tuple[Operation, ...],
    *,
    sizes: tuple[int, ...],
    in_flight: tuple[int, ...],
    stream: int,
    listed: int,
    seconds: float,
) -> Iterator[list[Work]]:
    """Give lists of work whose parts follow each other on the same files."""
    streams: list[Operation] = [name for name in operations if name in STREAMS]
    if streams and stream:  # first, while little else is in memory
        yield [Work(operation=name, size=stream) for name in streams]
    small: list[Operation] = [name for name in operations if name in SMALL]
    for size in sizes:
        for number in in_flight:
            yield [
                Work(operation=name, size=size, in_flight=number, seconds=seconds) for name in small
            ]
    if "list" in operations:
        yield [Work(operation="list", size=listed, seconds=seconds)]


def _human(size: int) -> str:
    return f"{size // MIB} MiB" if size >= MIB else f"{size // KIB} KiB"
