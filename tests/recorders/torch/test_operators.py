"""Every operator of torch's own database, as a program of one operation: the graph's verdict against autograd's."""

from __future__ import annotations

import re
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("expecttest")

import torch
from torch.autograd import grad as autograds  # bound before a recorder wraps it

from whygrad.flow import Flow
from whygrad.graph import Graph
from whygrad.recorders.recorder import Asked
from whygrad.recorders.torch import Torch, ops
from whygrad.recorders.torch.asking import Request, is_tensor
from whygrad.recorders.torch.closing import close, marked
from whygrad.recorders.torch.names import Names
from whygrad.recorders.torch.parameters import Described

# Of gradients in single precision that are zero by the shape of the operands.
ROUNDING = 1e-4
pytestmark = [pytest.mark.torch, pytest.mark.sweep, pytest.mark.filterwarnings("ignore")]

MOST_SAMPLES, MOST_IN_PLACE, FEWEST_ZEROS = 10, 5, 4
TYPES = (torch.float32, torch.float64, torch.complex64)


class Deaf:
    """A sink that must hear of nothing but faults, and these are raised."""

    def asked(self, request: Asked) -> None:
        pass

    def told(self, graph: Graph) -> None:
        pass

    def came_round(self, function: Hashable = None) -> None:
        pass

    def fault(self, framework: str, error: BaseException) -> None:
        raise error


@dataclass(slots=True)
class Compared:
    """What was compared, and what was not for which reason."""

    operators: set[str] = field(default_factory=set)
    programs: int = 0
    inputs: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    # (operator, position) -> whether each gradient was zero in every element, for the sample's values and for others,
    # where the graph expected something.
    zeros: dict[tuple[str, int], list[bool]] = field(default_factory=lambda: defaultdict(list))


def spread(samples: Any, most: int) -> list[Any]:
    """Some of the samples, from the first to the last: neighbours are alike."""
    found = list(islice(samples, 200))
    return found[:: -(-len(found) // most)] if found else []


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    if is_tensor(value):
        yield value
    elif isinstance(value, dict):
        yield from (t for item in value.values() for t in tensors_in(item))
    elif isinstance(value, (list, tuple)):
        yield from (t for item in value for t in tensors_in(item))


def programs(op: Any) -> Iterator[tuple[str, Callable[..., Any], Any]]:
    """The operator as torch's tests call it: as a function, as a method, in place; each with samples."""
    dtype = next((d for d in TYPES if d in op.dtypes), None)
    if dtype is None:
        return
    name = f"{op.name}.{op.variant_test_name}" if op.variant_test_name else op.name
    for kind, function in (("", op.op), ("method ", op.method_variant), ("in place ", op.inplace_variant)):
        if function is None or (kind == "method " and function is op.op):
            continue
        for sample in spread(
            op.sample_inputs("cpu", dtype, requires_grad=True), MOST_IN_PLACE if kind else MOST_SAMPLES
        ):
            if kind == "in place ":
                if sample.broadcasts_input or not is_tensor(sample.input):
                    continue
                yield kind + name, lambda x, *a, f=function, **k: f(x.clone(), *a, **k), sample
            else:
                yield kind + name, function, sample


def verdicts(recorder: Torch, sources: Sequence[Any], outputs: Sequence[Any]) -> tuple[list[bool], list[list[str]]]:
    """Of each source: whether the graph carries its gradient to an output, and if not the barriers on the way."""
    request = Request(
        "",
        ("test",),
        (),
        None,
        sources,
        ("present",) * len(sources),
        (marked(recorder.log, recorder.hooks.values, outputs),),
        0,
    )
    described = [Described(t, f"{n}", "present", True, True, None, None, None) for n, t in enumerate(sources)]
    graph = close(recorder, request, described, Names())
    flow = Flow(graph)
    cuts = [[f"{c.barrier.kind}: {c.barrier.detail}" for c in flow.cuts(p.value)] for p in graph.parameters]
    return [flow.alive(p) for p in graph.parameters], cuts


def gradients(sources: Sequence[Any], outputs: Sequence[Any]) -> list[Any] | str:
    """Autograd's own answer, or why it has none."""
    live = [o for o in outputs if o.requires_grad]
    if not live:
        return [None] * len(sources)
    ours = torch.Generator().manual_seed(0)
    weights = [torch.rand(o.shape, generator=ours, dtype=o.dtype) + 0.5 for o in live]
    try:
        return list(autograds(live, sources, weights, allow_unused=True))
    except (RuntimeError, NotImplementedError) as error:
        return str(error).partition("\n")[0][:70]


def is_zero(gradient: Any) -> bool:
    values = gradient.detach()
    values = values.to_dense() if values.layout is not torch.strided else values
    return not bool(values.to(torch.complex128 if values.is_complex() else torch.float64).any())


def is_zero_elsewhere(function: Callable[..., Any], sample: Any, sources: Sequence[Any], position: int) -> bool:
    """Whether a gradient is zero for other values too: one may be so by the values of the sample (a norm at 0)."""
    values = [source.detach().clone() for source in sources]
    try:
        with torch.no_grad():
            for source in sources:
                source.add_(torch.randn_like(source))
        outputs = list(tensors_in(function(sample.input, *sample.args, **sample.kwargs)))
        # Before the values are back: the way back may read them from where they are.
        answers = gradients(sources, [o for o in outputs if ops.differentiable(o.dtype)])
    except RuntimeError:
        return True  # sparse tensors stay as they are, and not every value is allowed
    finally:
        with torch.no_grad():  # samples share tensors
            for source, value in zip(sources, values, strict=True):
                source.data = value
    return isinstance(answers, str) or answers[position] is None or is_zero(answers[position])


def compare(recorder: Torch, compared: Compared, name: str, function: Callable[..., Any], sample: Any) -> None:
    arguments = (sample.input, *sample.args)
    sources = list({id(t): t for t in tensors_in((arguments, sample.kwargs)) if t.requires_grad}.values())
    if not sources:
        compared.skipped["no input of the sample requires a gradient"] += 1
        return
    if any(not t.is_leaf for t in sources):
        compared.skipped["an input of the sample is no leaf"] += 1
        return
    recorder.log.clear()
    try:
        result = function(*arguments, **sample.kwargs)
    except Exception as error:
        compared.skipped[f"the call raises {type(error).__name__}"] += 1
        return
    finally:
        recorder.log.local.busy = True
    outputs = list(tensors_in(result))
    outputs = [o for o in outputs if ops.differentiable(o.dtype)] or outputs
    if not outputs:
        compared.skipped["no tensor comes out"] += 1
        return
    answers = gradients(sources, outputs)
    if isinstance(answers, str):
        compared.skipped[f"autograd raises: {answers}"] += 1
        return
    carried, cuts = verdicts(recorder, sources, outputs)
    compared.operators.add(name.removeprefix("in place ").removeprefix("method "))
    compared.programs += 1
    empty = not all(t.numel() for t in sources)
    for n, (alive, barriers, gradient) in enumerate(zip(carried, cuts, answers, strict=True)):
        verdict = "none" if gradient is None else "something"
        if gradient is not None and gradient.numel() and is_zero(gradient):
            verdict = "zero"
        compared.inputs[verdict] += 1
        if alive and gradient is None and not empty:  # next to an operand without elements, autograd may give nothing
            compared.wrong[name].append(f"input {n}: carried, and autograd gives None")
        # Where shapes alone make a result constant, what comes back is rounding.
        by_shape = bool(barriers) and all(barrier.startswith("zero-gradient") for barrier in barriers)
        rounded = by_shape and verdict == "something" and bool((gradient.abs() < ROUNDING).all())
        if not alive and verdict == "something" and gradient.numel() and not rounded:
            compared.wrong[name].append(f"input {n}: cut ({barriers}), and autograd gives a gradient")
        if alive and gradient is not None and gradient.numel():
            zero = verdict == "zero" and is_zero_elsewhere(function, sample, sources, n)
            compared.zeros[name, n].append(zero)


def zeros_of_torch() -> Iterator[tuple[str, int]]:
    """Each (operator, input) of which torch's own table of derivatives says that its gradient is zero for any value."""
    yaml = pytest.importorskip("yaml")
    torchgen = pytest.importorskip("torchgen")
    table = Path(torchgen.__file__).parent / "packaged" / "autograd" / "derivatives.yaml"
    for row in yaml.load(table.read_text("utf-8"), Loader=yaml.CSafeLoader):
        name, _, rest = row["name"].partition("(")
        given = re.findall(r"Tensor\S* (\w+)", rest.rpartition("->")[0])
        for position, argument in enumerate(given):
            if re.fullmatch(r"zeros_like\(\w+\)", str(row.get(argument, "")).strip()):
                yield name.partition(".")[0], position


def test_what_torch_derives_as_zero_is_known() -> None:
    rows = set(zeros_of_torch())
    assert len(rows) > 40
    for name, position in rows:
        plain = ops.plain(name)
        written = ops.changes_first(name) and position == 0 and plain in ops.OVERWRITING
        assert written or {name, plain} & ops.CUTS.keys() or (plain, position) in ops.CUTS_OF, (name, position)


@pytest.fixture(scope="module")
def compared() -> Compared:
    from torch.testing._internal.common_methods_invocations import op_db

    recorder, found = Torch(), Compared()
    recorder.start(Deaf())
    began = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for op in op_db:
                recorder.log.local.busy = True
                any_sample = False
                for name, function, sample in programs(op):
                    any_sample = True
                    recorder.log.local.busy = False
                    compare(recorder, found, name, function, sample)
                    recorder.log.local.busy = True
                if not any_sample:
                    found.skipped["operators without a floating-point sample"] += 1
    finally:
        recorder.stop()
    print(f"\n{len(found.operators)} of {len(op_db)} operators, {found.programs} programs, inputs {dict(found.inputs)}")
    print(f"skipped {dict(found.skipped)}, {time.monotonic() - began:.0f} s")
    return found


def test_the_graph_gives_autograds_verdict_for_every_operator(compared: Compared) -> None:
    assert not compared.wrong, dict(compared.wrong)


def test_what_is_zero_for_every_value_is_known(compared: Compared) -> None:
    unknown = [key for key, zeros in compared.zeros.items() if len(zeros) >= FEWEST_ZEROS and all(zeros)]
    assert not unknown, unknown
