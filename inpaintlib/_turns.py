"""Taking turns with a network: while a training run changes it in one thread, another thread may want to look at what it does so far.

Two things go wrong without: eval mode, which a look sets for a moment, would hit the training step that runs meanwhile, and the look
would see weights that are half moved.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from torch import nn

__all__ = ["Turns", "shared_turns", "turns_of"]


class Turns:
    """A lock that is handed to whoever has waited longest; a thread that holds it may take it again.

    Python's own locks are not fair: a loop that gives one up and takes it again at once would keep all others out.
    """

    def __init__(self) -> None:
        self._gate = threading.Condition()
        self._waiting: deque[object] = deque()
        self._holder: int | None = None
        self._depth = 0

    def __enter__(self) -> Turns:
        me, ticket = threading.get_ident(), object()
        with self._gate:
            if self._holder != me:
                self._waiting.append(ticket)
                try:
                    self._gate.wait_for(lambda: self._holder is None and self._waiting[0] is ticket)
                    self._holder = me
                finally:  # an interrupt may end the waiting
                    self._waiting.remove(ticket)
                    self._gate.notify_all()
            self._depth += 1
        return self

    def __exit__(self, *error: object) -> None:
        with self._gate:
            self._depth -= 1
            if not self._depth:
                self._holder = None
                self._gate.notify_all()


_TURNS: WeakKeyDictionary[nn.Module, Turns] = WeakKeyDictionary()
_GUARD = threading.Lock()


def turns_of(module: nn.Module) -> Turns:
    """The turns of a network, always the same ones."""
    with _GUARD:
        return _TURNS.setdefault(module, Turns())


@contextmanager
def shared_turns(module: nn.Module) -> Iterator[Turns]:
    """Within the block all parts of a module take turns with the whole: who trains a generator and its critic locks both."""
    turns = turns_of(module)
    with _GUARD:
        before = {part: _TURNS.get(part) for part in module.modules() if part is not module}
        _TURNS.update(dict.fromkeys(before, turns))
    for held in {id(old): old for old in before.values() if old is not None and old is not turns}.values():
        with held:  # whoever uses a part right now may finish
            pass
    try:
        yield turns
    finally:
        with _GUARD:
            for part, old in before.items():
                if old is None:
                    _TURNS.pop(part, None)
                else:
                    _TURNS[part] = old
