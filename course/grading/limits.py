"""How much a submission may use before it is stopped."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]

MB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What one submission may use. Seconds are of computing, summed over all its processes, so that a busy machine changes no mark.

    Args:
        call_seconds: one call of a student's function, which should take milliseconds.
        cell_seconds: one cell of the notebook.
        task_seconds: all calls of one task together.
        start_seconds: of computing, and by the clock three times as long, until Python and PyTorch are up.
        total_seconds: by the clock, for the whole submission; tasks that are not reached then earn nothing, and the result says so.
        patience: by the clock a step may take this many times its seconds; that ends code that sleeps.
        memory: bytes of memory of all its processes together, beyond what Python and PyTorch need.
        processes: processes at a time; the system counts their threads too, against twice as many.
        disk: bytes in ``/tmp``, and as many in ``/dev/shm``; also the largest file.
        open_files: open files of one process.
        reply: bytes of the largest answer.
    """

    call_seconds: float = 5.0
    cell_seconds: float = 20.0
    task_seconds: float = 40.0
    start_seconds: float = 60.0
    total_seconds: float = 600.0
    patience: float = 4.0
    memory: int = 2048 * MB
    processes: int = 32
    disk: int = 64 * MB
    open_files: int = 256
    reply: int = 8 * MB

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
                raise ValueError(f"The limit {name} is {value!r}; expected a positive number.")

    def clock(self, seconds: float) -> float:
        """How long a step of that much computing may take by the clock.

        >>> Limits(patience=4).clock(5)
        22.0
        """
        return self.patience * seconds + 2.0
