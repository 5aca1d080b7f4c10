"""Leave what torch computes for a frame that nobody waits for any more, between any two of its operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

from renderer_bridge.giving_up import Outdated, ask


class _Asking(TorchFunctionMode):
    def __init__(self, outdated: Outdated) -> None:
        super().__init__()
        self._outdated = outdated

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if args and isinstance(args[0], Tensor):  # else it may be the end of a block that turns gradients off
            ask(self._outdated)
        return func(*args, **(kwargs or {}))


@contextmanager
def asking(outdated: Outdated | None) -> Iterator[None]:
    """Ask before each operation on a tensor in this block, in this thread, and raise `GivenUp` when `outdated` says so.

    Not for what changes things in place that are kept: half a training step would stay. None asks nobody.
    """
    if outdated is None:
        yield
        return
    with _Asking(outdated):
        yield
