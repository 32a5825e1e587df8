"""What the user's own backward functions answer: for which inputs ``None``, for which nothing but zeros.

They are observed where TensorFlow calls them, and never called by us. Eager ones are handed to the tape with
``record_operation``; traced ones are looked up in the gradient registry when a gradient is built, whatever the
function body they stand in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from types import CodeType
from typing import Any

from whygrad.graph import Barrier
from whygrad.recorders import frames
from whygrad.recorders.patching import Patches
from whygrad.recorders.tensorflow.log import Backward, Crossed, Log, Ran
from whygrad.recorders.tensorflow.ops import SHAPE_ONLY
from whygrad.span import Span

_PREFIX = "CustomGradient-"
# Operations that hand on zeros as zeros, whatever their other inputs are.
_KEEP_ZEROS = frozenset("Identity Reshape BroadcastTo Cast Neg ExpandDims Squeeze".split())


def observed(
    backward: Callable[..., Any], seen: Backward, log: Log, fault: Callable[[BaseException], None], skipped: int = 0
) -> Callable[..., Any]:
    """The same backward function, which also notes what it answers.

    Args:
        fault: told of an error of ours, which must not end the user's backward pass.
        skipped: how many leading arguments are no gradients.
    """

    @wraps(backward)
    def observing(*arguments: Any) -> Any:
        begin = log.first + len(log.entries)
        answer = backward(*arguments)
        if isinstance(answer, (list, tuple)):
            seen.called = True
            seen.none.update(i for i, one in enumerate(answer) if one is None)
            try:
                seen.zeros.update(_zeros(answer, arguments[skipped:], log, begin))
            except Exception as error:
                seen.zeros.clear()
                fault(error)
        return answer

    return observing


def watch_registry(patches: Patches, log: Log, fault: Callable[[BaseException], None]) -> None:
    """Observe traced custom gradients at the moment when TensorFlow looks them up to build a gradient."""
    from tensorflow.python.framework.registry import Registry

    original = Registry.lookup

    @wraps(original)
    def lookup(self: Any, name: Any) -> Any:
        found = original(self, name)
        try:
            key = name.decode() if isinstance(name, bytes) else name
            if key.startswith(_PREFIX):
                seen = backward_of(found)
                log.rules[key] = seen
                return observed(found, seen, log, fault, skipped=1)
        except Exception as error:
            fault(error)
        return found

    patches.replace(Registry, "lookup", lookup)


def barriers_of(seen: Backward, inputs: int, outputs: int, name: str, where: Span | None) -> Iterator[Barrier]:
    """The barriers of a custom gradient over ``inputs`` arguments and ``outputs`` results."""
    for position in sorted(seen.none | seen.zeros):
        if 0 <= position - seen.results < inputs:
            for output in range(outputs):
                zeros = position in seen.zeros
                yield Barrier(position - seen.results, output, "custom-gradient", name, where=where, zeros=zeros)


def results_of(backward: Any, depth: int = 3) -> int:
    """How many results TensorFlow's wrapper of a traced custom gradient puts before the inputs."""
    code = getattr(backward, "__code__", None)
    if code is None or depth == 0 or frames.is_user_file(code.co_filename):
        return 0
    cells = dict(zip(code.co_freevars, backward.__closure__ or (), strict=True))
    if "flat_result_len" in cells:
        return int(cells["flat_result_len"].cell_contents)
    return max((results_of(cell.cell_contents, depth - 1) for cell in cells.values()), default=0)


def user_code(function: Any, depth: int = 5) -> CodeType | None:
    """The user's function behind TensorFlow's wrappers, found through their closures."""
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType) or depth == 0:
        return None
    if frames.is_user_file(code.co_filename):
        return code
    for cell in function.__closure__ or ():
        try:
            found = user_code(cell.cell_contents, depth - 1)
        except ValueError:  # an empty cell
            continue
        if found is not None:
            return found
    return None


def backward_of(wrapper: Any) -> Backward:
    """What is known of a custom gradient before it is asked; ``wrapper`` is TensorFlow's, around the backward function.

    TensorFlow has custom gradients of its own (``recompute_grad``, ``swish``): their backward function is not the
    user's, although the function that they wrap may be.
    """
    inner = _gradient_function(wrapper)
    code = user_code(wrapper) if inner is None else getattr(inner, "__code__", None)
    own = inner is not None and (code is None or not frames.is_user_file(code.co_filename))
    return Backward(code=None if own else code, own=own, results=results_of(wrapper))


def _gradient_function(wrapper: Any, depth: int = 3) -> Any:
    cells = dict(zip(wrapper.__code__.co_freevars, wrapper.__closure__ or (), strict=True))
    if "grad_fn" in cells:
        return cells["grad_fn"].cell_contents
    inner = cells.get("tape_grad_fn")
    return None if inner is None or depth == 0 else _gradient_function(inner.cell_contents, depth - 1)


def _zeros(answer: Sequence[Any], upstream: Sequence[Any], log: Log, begin: int) -> Iterator[int]:
    """Positions of answers that are zero by construction: nothing in them comes from the gradient handed in.

    A zero that the upstream gradient was multiplied into may be another number at the next step.
    """
    made: set[int] | None = None
    if any(isinstance(entry, Crossed) and entry.leaving for entry in log.since(begin)):
        return  # what it computes outside of TensorFlow is not known
    for position, one in enumerate(answer):
        if hasattr(one, "_numpy_internal"):
            if made is None:
                made = _influenced(upstream, log, begin)
            if one._id not in made and one.dtype.is_floating and not one._numpy_internal().any():
                yield position
        elif hasattr(one, "op") and zero_by_construction(one):
            yield position


def _influenced(upstream: Sequence[Any], log: Log, begin: int) -> set[int]:
    """Ids of the eager tensors that were computed from the given ones since an entry of the log."""
    made = {t._id for t in upstream if hasattr(t, "_id")}
    for entry in log.since(begin):
        if isinstance(entry, Ran) and entry.op_type not in SHAPE_ONLY and not made.isdisjoint(entry.inputs):
            made.update(one.id for one in entry.made)
    return made


def zero_by_construction(tensor: Any) -> bool:
    """Whether a traced tensor is zeros whatever is fed to its graph."""
    from tensorflow.python.framework import tensor_util

    op = tensor.op
    if op.type == "ZerosLike":
        return True
    if op.type in _KEEP_ZEROS:
        return zero_by_construction(op.inputs[0])
    value = tensor_util.constant_value(op.inputs[1] if op.type == "Fill" else tensor)
    return value is not None and value.dtype.kind == "f" and not value.any()
