"""GraphBuilder: values and operations in, one Graph out."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

from whygrad.graph import NOWHERE, Barrier, Crossing, Fault, Graph, Layer, Parameter, Recording, Shape
from whygrad.span import Span


class GraphBuilder:
    """Collects a Graph in columns; every string, shape and stack is kept once."""

    def __init__(self, framework: str, api: str, library: str = "") -> None:
        self.framework = framework
        self.api = api
        self.library = library
        self.scope = ""  # of operations that name none
        self._names: dict[str, int] = {}
        self._shapes: dict[Shape | None, int] = {}
        self._stacks: dict[tuple[Span, ...], int] = {}
        self._stack_list: list[tuple[Span, ...]] = []
        self._op_name, self._op_stack, self._op_scope = array("i"), array("i"), array("i")
        self._in_start, self._in_value = array("q", [0]), array("q")
        self._out_start, self._out_value = array("q", [0]), array("q")
        self._value_op, self._value_dtype, self._value_shape = array("q"), array("i"), array("i")
        self.barriers: dict[int, tuple[Barrier, ...]] = {}
        self.labels: dict[int, tuple[str, str]] = {}
        self.departures: list[Crossing] = []
        self.arrivals: list[Crossing] = []

    @property
    def next_op(self) -> int:
        """The id that the next operation will get."""
        return len(self._op_name)

    def __len__(self) -> int:
        """The number of values so far."""
        return len(self._value_op)

    def value(self, dtype: str, shape: Shape | None = None) -> int:
        """A new value that nothing recorded made (yet).

        Args:
            dtype: the framework's name of the type.
            shape: its dimensions.
        """
        self._value_op.append(NOWHERE)
        self._value_dtype.append(self._names.setdefault(dtype, len(self._names)))
        self._value_shape.append(self._shapes.setdefault(shape, len(self._shapes)))
        return len(self._value_op) - 1

    def stack_of(self, value: int) -> tuple[Span, ...]:
        """Where a value was made: the user's frames of its producer, innermost first."""
        op = self._value_op[value]
        return self._stack_list[self._op_stack[op]] if op != NOWHERE else ()

    def span_of(self, value: int) -> Span | None:
        """The innermost of these frames."""
        stack = self.stack_of(value)
        return stack[0] if stack else None

    def ancestors(self, values: Iterable[int]) -> set[int]:
        """The given values and all that they were computed from, barriers or not."""
        found = set(values)
        todo = list(found)
        for value in todo:  # grows on the way
            op = self._value_op[value]
            if op != NOWHERE:
                new = set(self._in_value[self._in_start[op] : self._in_start[op + 1]]) - found
                found |= new
                todo.extend(new)
        return found

    def op(
        self,
        name: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        stack: tuple[Span, ...] = (),
        scope: str = "",
        barriers: Iterable[Barrier] = (),
    ) -> int:
        """A new operation; ``outputs`` are values without a producer so far.

        Returns:
            its id.
        """
        op = len(self._op_name)
        self._op_name.append(self._names.setdefault(name, len(self._names)))
        number = self._stacks.setdefault(stack, len(self._stacks))
        if number == len(self._stack_list):
            self._stack_list.append(stack)
        self._op_stack.append(number)
        self._op_scope.append(self._names.setdefault(scope or self.scope, len(self._names)))
        self._in_value.extend(inputs)
        self._in_start.append(len(self._in_value))
        self._out_value.extend(outputs)
        self._out_start.append(len(self._out_value))
        for value in outputs:
            self._value_op[value] = op
        found = tuple(barriers)
        if found:
            self.barriers[op] = found
        return op

    def close_carry(self, op: int, position: int, value: int) -> None:
        """Fill the one input of a loop head that looks forward: the value of the last turn."""
        self._in_value[self._in_start[op] + position] = value

    def graph(
        self,
        targets: Sequence[int],
        parameters: Sequence[Parameter],
        request: tuple[Span, ...] = (),
        layers: Sequence[Layer] = (),
        recording: Recording | None = None,
        error: str | None = None,
        target_text: str | None = None,
        fault: Fault | None = None,
    ) -> Graph:
        """The finished Graph; the builder must not be used afterwards.

        What else is known of a request (notes, what was measured) its fields are replaced with.
        """
        return Graph(
            framework=self.framework,
            api=self.api,
            request=request,
            targets=tuple(targets),
            parameters=tuple(parameters),
            names=tuple(self._names),
            stacks=tuple(self._stack_list),
            shapes=tuple(self._shapes),
            op_name=self._op_name,
            op_stack=self._op_stack,
            op_scope=self._op_scope,
            in_start=self._in_start,
            in_value=self._in_value,
            out_start=self._out_start,
            out_value=self._out_value,
            value_op=self._value_op,
            value_dtype=self._value_dtype,
            value_shape=self._value_shape,
            barriers=self.barriers,
            labels=self.labels,
            layers=tuple(layers),
            departures=tuple(self.departures),
            arrivals=tuple(self.arrivals),
            recording=recording or Recording(),
            error=error,
            fault=fault,
            target_text=target_text,
            library=self.library,
        )
