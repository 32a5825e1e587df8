"""Tries every operation of TensorFlow's registry on tiny inputs: ``sweep.py OUT [FIRST]``.

For each output that can have a gradient, what ``GradientTape`` answers for each input is put beside the verdict of
whygrad's graph. One JSON line per operation: ``[name, outcome, mode, disagreements]``. Inputs are guessed with a fixed
seed; operations without side effects run eagerly, the others are only traced. It begins at the operation of number
FIRST, so that a kernel which takes the process down costs itself alone.
"""

from __future__ import annotations

import inspect
import json
import random
import sys
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from known_inputs import KNOWN
from tensorflow.python.framework import func_graph, op_def_registry

from hearing import Ear
from whygrad.diagnose import zero_filled
from whygrad.flow import Flow
from whygrad.recorders.tensorflow import TensorFlow
from whygrad.recorders.tensorflow.ops import trainable

TRIES = {"eager": 60, "traced": 25}
SHAPES = [(), (1,), (2,), (3,), (2, 2), (2, 2, 2), (2, 2, 2, 2), (2, 2, 2, 2, 2), (1, 4, 4, 1)]
LISTS = [[1], [0, 1], [1, 1], [1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1, 1], [2, 2], [2, 2, 2, 2], [2, 2, 2, 2, 2]]
TYPES = [tf.float32, tf.float64, tf.complex64, tf.int32, tf.int64, tf.bool, tf.uint8, tf.string]
RESOURCE, VARIANT = 20, 21
Shape = tuple[int, ...]


class Unfit(Exception):
    """No input of this kind can be made up."""


def names() -> list[str]:
    return sorted(n for n in vars(tf.raw_ops) if not n.startswith("_") and op_def_registry.get(n) is not None)


def why_not(definition: Any) -> str | None:
    """Why an operation is not tried at all."""
    arguments = [*definition.input_arg, *definition.output_arg]
    if any(a.is_ref for a in arguments):
        return "needs a variable of TensorFlow 1"
    if any(attr.type in ("func", "list(func)") for attr in definition.attr):
        return "takes a function"
    if any(a.type == VARIANT for a in definition.input_arg):
        return "needs a variant"
    if not any(_may_be_trainable(a, definition) for a in definition.input_arg):
        return "no input that can have a gradient"
    if not any(_may_be_trainable(a, definition) for a in definition.output_arg):
        return "no output that can have a gradient"
    return None


def _may_be_trainable(argument: Any, definition: Any) -> bool:
    if argument.type:
        return trainable(argument.type) and argument.type != VARIANT
    attr = next(a for a in definition.attr if a.name in (argument.type_attr or argument.type_list_attr,))
    allowed = list(attr.allowed_values.list.type)
    return not allowed or any(trainable(t) for t in allowed)


def attributes(definition: Any, rank: int, dice: random.Random) -> dict[str, Any]:
    """Values for all attributes, types chosen first from what carries a gradient, lists (strides) one per dimension."""
    chosen: dict[str, Any] = {}
    lengths = {a.number_attr for a in definition.input_arg if a.number_attr}
    for attr in definition.attr:
        allowed = attr.allowed_values.list
        if attr.name in lengths:
            chosen[attr.name] = dice.choice([1, 2, 2, 3]) if attr.minimum <= 1 else attr.minimum
        elif attr.type == "type":
            types = [t for t in TYPES if not allowed.type or t.as_datatype_enum in allowed.type]
            chosen[attr.name] = dice.choice(types[:1] * 4 + types) if types else tf.as_dtype(allowed.type[0])
        elif attr.type == "list(type)":
            chosen[attr.name] = [tf.float32] * dice.choice([1, 1, 2])
        elif attr.HasField("default_value") and dice.random() < 0.8:
            continue
        elif attr.type == "string":
            chosen[attr.name] = dice.choice([s.decode() for s in allowed.s] or ["", "VALID", "ab,bc->ac"])
        elif attr.type == "int":
            chosen[attr.name] = max(attr.minimum if attr.has_minimum else 0, dice.choice([0, 1, 2, 2, 4]))
        elif attr.type == "float":
            chosen[attr.name] = dice.choice([0.5, 1.0, 2.0])
        elif attr.type == "bool":
            chosen[attr.name] = dice.random() < 0.5
        elif attr.type == "list(int)":
            chosen[attr.name] = dice.choice([[1] * rank, [1] * rank, dice.choice(LISTS)])
        elif attr.type == "list(float)":
            chosen[attr.name] = [0.5, 1.0]
        elif attr.type == "shape":
            chosen[attr.name] = dice.choice(SHAPES)
        elif attr.type == "list(shape)":
            chosen[attr.name] = [dice.choice(SHAPES)]
        elif not attr.HasField("default_value"):
            raise Unfit(attr.type)
    return chosen


def values(definition: Any, chosen: dict[str, Any], common: Shape, dice: random.Random) -> Iterator[tuple[str, Any]]:
    """An array, or a list of arrays, per input; resources are variables."""
    for argument in definition.input_arg:
        if argument.type_list_attr:
            yield argument.name, [_value(t, common, dice) for t in chosen[argument.type_list_attr]]
            continue
        dtype = tf.as_dtype(argument.type) if argument.type else chosen.get(argument.type_attr, tf.float32)
        if argument.number_attr:
            shape = common if dice.random() < 0.7 else dice.choice(SHAPES)
            yield argument.name, [_value(dtype, shape, dice) for _ in range(chosen[argument.number_attr])]
        else:
            yield argument.name, _value(dtype, common if dice.random() < 0.7 else dice.choice(SHAPES), dice)


def _value(dtype: Any, shape: Shape, dice: random.Random) -> Any:
    if dtype.as_datatype_enum == RESOURCE:
        return tf.Variable(np.full(shape or (2, 2), 0.5, "float32"))
    if dtype.is_integer:
        kind = dice.choice(["index", "same", "list"])
        whole = np.full(shape, dice.choice([0, 1, 1, 2, 4])) if kind != "list" else np.asarray(dice.choice(LISTS))
        return tf.constant(whole, dtype)
    if dtype == tf.bool:
        return tf.constant(np.full(shape, dice.random() < 0.5))
    if dtype == tf.string:
        return tf.constant("a")
    if not (dtype.is_floating or dtype.is_complex):
        raise Unfit(dtype.name)
    numbers = np.random.default_rng(dice.randrange(1 << 30)).uniform(0.2, 0.8, shape)
    if len(shape) >= 2 and shape[-1] == shape[-2]:
        numbers = numbers @ np.swapaxes(numbers, -1, -2) + np.eye(shape[-1])  # symmetric, positive definite
    return tf.cast(tf.constant(numbers), dtype)


def try_one(name: str, recorder: TensorFlow, ear: Ear) -> list[Any]:
    """The line of one operation."""
    definition = op_def_registry.get(name)
    reason = why_not(definition)
    if reason is not None:
        return [name, reason, "", []]
    if name in KNOWN:
        given = {k: tf.nest.map_structure(_tensor, v) for k, v in KNOWN[name].items()}
        outcome = _attempt(name, given, "eager", recorder, ear)
        return [name, "no valid input was found", "", []] if outcome is None else [name, "tried", "eager", outcome]
    dice = random.Random(zlib.crc32(name.encode()))
    modes = ["traced"] if definition.is_stateful else ["eager", "traced"]
    for mode in modes:
        for _ in range(TRIES[mode]):
            try:
                common = dice.choice(SHAPES)
                chosen = attributes(definition, len(common), dice)
                given = dict(values(definition, chosen, common, dice))
                arguments = given | {k: v for k, v in chosen.items() if k in _free(definition)}
            except Unfit as unfit:
                return [name, f"needs a {unfit}", "", []]
            outcome = _attempt(name, arguments, mode, recorder, ear)
            if outcome is not None:
                return [name, "tried", mode, outcome]
    return [name, "no valid input was found", "", []]


def _tensor(value: Any) -> Any:
    """An array as a constant; attributes are plain Python."""
    return tf.constant(value) if isinstance(value, (np.ndarray, np.generic)) else value


def _free(definition: Any) -> set[str]:
    """The attributes that the inputs do not determine."""
    inputs = definition.input_arg
    bound = {a.type_attr for a in inputs} | {a.number_attr for a in inputs} | {a.type_list_attr for a in inputs}
    return {attr.name for attr in definition.attr} - bound


def _attempt(name: str, arguments: dict[str, Any], mode: str, recorder: TensorFlow, ear: Ear) -> list[str] | None:
    """Disagreements of one call; ``None`` if TensorFlow does not take these inputs."""
    if mode == "eager":
        return _asked(name, arguments, recorder, ear)
    with func_graph.FuncGraph("sweep").as_default():
        return _asked(name, arguments, recorder, ear)


def _asked(name: str, arguments: dict[str, Any], recorder: TensorFlow, ear: Ear) -> list[str] | None:
    recorder.log.clear()
    ear.graphs.clear()
    sources = [v for v in tf.nest.flatten(arguments) if _is_source(v)]
    arguments = {k: v.handle if isinstance(v, tf.Variable) else v for k, v in arguments.items()}
    found = []
    with tf.GradientTape(persistent=True) as tape:
        try:
            tape.watch([s.handle if isinstance(s, tf.Variable) else s for s in sources])
            made = _call(name, arguments)
        except Exception:
            return None
    outputs = [t for t in tf.nest.flatten(made) if tf.is_tensor(t) and trainable(t.dtype.as_datatype_enum)]
    outputs = [t for t in outputs if t.dtype.as_datatype_enum not in (RESOURCE, VARIANT)]
    if not sources or not outputs:
        return None
    for position, output in enumerate(outputs):
        try:
            answers = tape.gradient(output, sources)
        except Exception as error:
            if type(error) is not LookupError:
                return None  # its gradient does not take these inputs
            answers = [None] * len(sources)
        graph = ear.graphs[-1]
        flow = Flow(graph)
        for i, (parameter, answer) in enumerate(zip(graph.parameters, answers, strict=False)):
            if not flow.alive(parameter) and _is_zeros(answer) and zero_filled(parameter, flow):
                continue  # zeros by the shape alone, as whygrad says
            if flow.alive(parameter) != (answer is not None):
                found.append(f"input {i} to output {position}: TensorFlow gives {'None' if answer is None else 'one'}")
    return found


def _call(name: str, arguments: dict[str, Any]) -> Any:
    """The raw operation; where its Python function names an argument differently, the order tells which."""
    function = getattr(tf.raw_ops, name)
    takes = [p for p in inspect.signature(function).parameters if p != "name"]
    renamed = dict(
        zip([a for a in arguments if a not in takes], [p for p in takes if p not in arguments], strict=False)
    )
    return function(**{renamed.get(k, k): v for k, v in arguments.items()})


def _is_zeros(answer: Any) -> bool:
    return (
        answer is not None
        and not tf.is_symbolic_tensor(answer)
        and not bool(tf.reduce_any(tf.convert_to_tensor(answer) != 0))
    )


def _is_source(value: Any) -> bool:
    if isinstance(value, tf.Variable):
        return True
    return tf.is_tensor(value) and (value.dtype.is_floating or value.dtype.is_complex)


def main() -> None:
    out, first = sys.argv[1], int((*sys.argv, "0")[2])
    recorder, ear = TensorFlow(), Ear()
    recorder.start(ear)
    with open(out, "a") as lines:
        for name in names()[first:]:
            lines.write(json.dumps(name) + "\n")  # should the kernel take us down, it is known which
            lines.flush()
            lines.write(json.dumps(try_one(name, recorder, ear)) + "\n")
            lines.flush()
    recorder.stop()
    assert not ear.faults, ear.faults


if __name__ == "__main__":
    main()
