"""Subclasses of tensors that hear what is done with them (``__torch_function__``): our looks are not for their ears."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

# Those of torch's own, which hear nothing.
PLAIN = frozenset((torch.Tensor, torch.nn.Parameter))
# Private: where it is missing, a subclass hears our looks as well.
HEARD = getattr(torch._C, "_EnableTorchFunction", None)


@dataclass(frozen=True, slots=True)
class Aloud:
    """A function that its tensors hear of, although what is around it is hidden from them."""

    function: Callable[..., Any]

    @property
    def __name__(self) -> str:
        return str(getattr(self.function, "__name__", ""))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        assert HEARD is not None
        with HEARD():
            return self.function(*args, **kwargs)
