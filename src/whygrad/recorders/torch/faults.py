"""What torch's own errors are about: the operation in the log that broke the graph, not the one that raised."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from whygrad.graph import Fault
from whygrad.recorders import frames
from whygrad.recorders.torch import ops
from whygrad.recorders.torch.barriers import DERIVED_ONCE, NOTHING, OWN, UNDERIVED, Underived
from whygrad.recorders.torch.log import Applied, Log, Made, Ran
from whygrad.recorders.torch.replay import Replay

_SHAPE = re.compile(r"(?:Tensor|Type) \[([\d, ]*)\]")

_UNDERIVED = re.compile(
    r"derivative for '?(?:aten::)?_?(\w+?)(_backward)?(?:: \w+)?'? is not implemented"
    r"|through \w+\.(\w+)\.\w+ but no autograd formula was registered"
)
# What an operation that a message names is called where a script calls it, if that is another name.
_ATTENTION = frozenset(("scaled_dot_product_attention", "multi_head_attention_forward"))
_CALLED: Mapping[str, frozenset[str]] = {
    "igamma": frozenset(("special_gammainc",)),
    "igammac": frozenset(("special_gammaincc",)),
    "zeta": frozenset(("special_zeta",)),
    "scaled_dot_product_flash_attention_for_cpu": _ATTENTION,
    "scaled_dot_product_flash_attention": _ATTENTION,
    "scaled_dot_product_efficient_attention": _ATTENTION,
    "scaled_dot_product_cudnn_attention": _ATTENTION,
}

# What the message says -> (kind of fault, how to find it). The finder gets the log, the raising operation's inputs,
# the message, and where the request's own forward pass begins.
Finder = Callable[[Log, Sequence[int], str, int], frames.Stack]


def _overwritten(log: Log, inputs: Sequence[int], message: str, opened: int) -> frames.Stack:
    """The last in-place write, or step of an optimizer, to a tensor of the shape that the message names."""
    found = _SHAPE.search(message)
    if found is None:
        return ()
    shape = tuple(int(n) for n in found[1].split(",") if n.strip())
    shapes = (shape, shape[::-1])
    read = _views(log)
    writes = [
        (number, stack)
        for number, stack, made in _writes(log)
        if made.shape in shapes or _base_shape(log, made) in shapes or not read[made.serial].isdisjoint(shapes)
    ]
    steps = [step for step in log.stepped if not step.shapes.isdisjoint(shapes)]
    if steps and (not writes or steps[-1].number > writes[-1][0]):
        return steps[-1].stack
    return writes[-1][1] if writes else ()


def _writes(log: Log) -> Iterator[tuple[int, frames.Stack, Made]]:
    """Number, place and result of each write."""
    for number, entry in enumerate(log.entries, log.first):
        if isinstance(entry, Ran) and ops.changes_first(entry.name) and entry.name != "data:set":
            yield from ((number, entry.stack, made) for made in entry.made)


def _views(log: Log) -> defaultdict[int, set[tuple[int, ...] | None]]:
    """The shapes of the parts of each tensor that were read: who writes to the tensor writes to them as well."""
    shapes: defaultdict[int, set[tuple[int, ...] | None]] = defaultdict(set)
    for entry in log.entries:
        if isinstance(entry, (Ran, Applied)):
            for made in entry.made:
                if made.base:
                    shapes[made.base].add(made.shape)
    return shapes


def _base_shape(log: Log, written: Made) -> tuple[int, ...] | None:
    if not written.base:
        return None
    for entry in log.entries:
        if isinstance(entry, (Ran, Applied)):
            for made in entry.made:
                if made.serial == written.base:
                    return made.shape
    return None


def _spent(log: Log, inputs: Sequence[int], message: str, opened: int) -> frames.Stack:
    """The first use in this pass of a value with a graph that an earlier pass made: that graph is gone."""
    older: dict[int, frames.Stack] = {}
    for number, entry in enumerate(list(log.entries), log.first):
        if not isinstance(entry, (Ran, Applied)):
            continue
        if number >= opened:
            for serial, needed in zip(entry.inputs, entry.grads, strict=False):
                if needed and serial in older:
                    return entry.stack
        for made in entry.made:
            if made.requires_grad and not (entry.name == "Parameter" or ops.changes_first(entry.name)):
                if number < opened:
                    older[made.serial] = entry.stack
                else:
                    older.pop(made.serial, None)
    return ()


def _kept(log: Log, used: frames.Stack, opened: int) -> frames.Stack:
    """Where the spent value that is used there was made, if it was made once of what has changed since, and kept.

    Nothing was made at that place in this pass, then, and the last step changed a leaf that it comes from.
    """
    made: dict[int, Ran | Applied] = {}
    again: set[frames.Stack] = set()
    spent: list[int] = []
    for number, entry in enumerate(list(log.entries), log.first):
        if not isinstance(entry, (Ran, Applied)):
            continue
        if number < opened:
            made |= {one.serial: entry for one in entry.made if one.requires_grad and entry.name != "Parameter"}
            continue
        again.add(entry.stack)
        if entry.stack is used and not spent:
            spent = [serial for serial in entry.inputs if serial in made]
    if not spent or made[spent[0]].stack in again or not log.stepped:
        return ()
    todo, before = spent[:1], set(spent[:1])
    while todo:
        given = made[serial].inputs if (serial := todo.pop()) in made else ()
        todo += [one for one in given if one not in before]
        before.update(given)
    return made[spent[0]].stack if not log.stepped[-1].serials.isdisjoint(before) else ()


def _unrecorded_input(log: Log, inputs: Sequence[int], message: str, opened: int) -> frames.Stack:
    """Where an input of the operation that raised was made with recording off."""
    for entry in reversed(log.entries):
        if isinstance(entry, Ran) and not entry.recording and any(m.serial in inputs for m in entry.made):
            return entry.stack
    return ()


def _itself(log: Log, inputs: Sequence[int], message: str, opened: int) -> frames.Stack:
    return ()


MESSAGES: Mapping[str, tuple[str, Finder]] = {
    "modified by an inplace operation": ("overwritten", _overwritten),
    "backward through the graph a second time": ("spent", _spent),
    "saved intermediate values of the graph": ("spent", _spent),
    "Inference tensors cannot be saved for backward": ("inference", _unrecorded_input),
    "Inplace update to inference tensor": ("inference", _unrecorded_input),
    "a leaf Variable that requires grad is being used in an in-place operation": ("leaf-written", _itself),
    "a view of a leaf Variable that requires grad is being used in an in-place operation": ("leaf-written", _itself),
    "only Tensors of floating point": ("integer", _itself),
    "only supports backward for scalar outputs": ("not-scalar", _itself),
    "grad can be implicitly created only for scalar outputs": ("not-scalar", _itself),
    "can't optimize a non-leaf Tensor": ("non-leaf", _itself),
    "optimizer got an empty parameter list": ("empty", _itself),
    "argument to `grad()` cannot be empty": ("nothing-asked", _itself),
    "optimizer can only optimize Tensors": ("no-tensor", _itself),
}


# Parts of messages that torch's own errors give for reasons that are none of a gradient's.
_ELSEWHERE = ("gloo/", "NCCL", "out of memory", "CUDA error", "cuDNN error", "Connection ", "timed out")


def is_foreign(error: BaseException) -> bool:
    """Whether an error in a backward pass is not about gradients: a lost connection, memory, a hook of the script's."""
    own = type(error).__module__.startswith("torch.utils.checkpoint") or type(error) in (
        RuntimeError,
        NotImplementedError,
    )
    return not own or any(part in str(error) for part in _ELSEWHERE)


def is_unscaled(error: str) -> bool:
    """Whether a gradient scaler found no gradient at all in an optimizer."""
    return "No inf checks were recorded for this optimizer" in error


def kind_of(message: str) -> str | None:
    """The kind of fault that a message of torch's tells of; ``None`` for those that no table row knows."""
    return next((kind for text, (kind, _) in MESSAGES.items() if text in message), None)


def underived(message: str) -> Underived:
    """What a message says has no derivative; nothing if it says no such thing."""
    found = _UNDERIVED.search(message)
    if found is None:
        return NOTHING
    name = found[1] or found[3]
    reason = OWN if found[3] else DERIVED_ONCE if found[2] else UNDERIVED
    return Underived(_CALLED.get(name, frozenset()) | {name}, reason)


def fault_of(replay: Replay, inputs: Sequence[int], message: str, opened: int, raised: frames.Stack) -> Fault | None:
    """What an error is about.

    Args:
        inputs: serials of the tensors that the raising operation read.
        opened: the entry where the request's own forward pass begins.
        raised: the place that raised.
    """
    for text, (kind, find) in MESSAGES.items():
        if text in message:
            stack = find(replay.log, inputs, message, opened)
            if any(stack is step.stack for step in replay.log.stepped):
                kind = "stepped"
            if kind == "spent" and stack and (kept := _kept(replay.log, stack, opened)):
                kind, stack = "kept", kept
            return Fault(kind, replay.stack(stack or raised), bool(stack))
    return None
