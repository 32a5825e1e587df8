"""Flow: what influences the losses, what carries a gradient, and where it is cut. Linear in the Graph."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice

from whygrad.graph import NOWHERE, Barrier, GradientSeen, Graph, Parameter
from whygrad.ways import Cut, Edge, Trip

UNREACHED = 1 << 60
# The way with the fewest barriers explains a cut. Between ways with equally many, one whose result is constant by its
# shape goes before one of the user's own code, that before one inside a library, all before a pass that nothing
# recorded (a target, an older policy), and these before one that only selects.
BARRIER, INFERRED, LIBRARY, SELECTS, OWN = 1000, 1, 2, 300, {"recording-off": 4, "zero-gradient": -3}
# A parameter that is read with such a barrier alone is looked at or copied, not used.
_ASIDE = frozenset(("recording-off", "stop-gradient"))
LAST = 5  # edges in front of the loss that are always named


class Flow:
    """The analysis of one Graph.

    Args:
        graph: what happened.
        trips: value trips outside the framework, inferred from source text.
        hidden: operations that are taken not to have run.
    """

    def __init__(self, graph: Graph, trips: Sequence[Trip] = (), hidden: frozenset[int] = frozenset()) -> None:
        self.graph = graph
        self.hidden = hidden
        self.trips = trips
        self._into: dict[int, list[Trip]] = {}
        self._out_of: dict[int, list[Trip]] = {}
        for trip in trips:
            self._into.setdefault(trip.arrival.value, []).append(trip)
            self._out_of.setdefault(trip.departure.value, []).append(trip)
        self.cost = array("q", [UNREACHED]) * graph.values
        self._via: dict[int, Edge] = {}
        # From a value: the edges that are left to the loss, and the next value whose edge is worth a word.
        self._left, self._ahead = array("q", [0]) * graph.values, array("q", [NOWHERE]) * graph.values
        self._library: dict[int, bool] = {}
        self._running: dict[int, frozenset[str]] = {}
        self._start: array[int] | None = None
        self._readers: array[int] = array("q")
        self._measure(graph.targets)

    def influences(self, value: int) -> bool:
        """Whether a value reaches a loss, counting every edge."""
        return value != NOWHERE and self.cost[value] < UNREACHED

    def carries(self, value: int) -> bool:
        """Whether a value reaches a loss without meeting a barrier."""
        return value != NOWHERE and self.cost[value] == 0

    def alive(self, parameter: Parameter) -> bool:
        """The graph's verdict: a gradient can reach this parameter."""
        return self.carries(parameter.value)

    def way(self, value: int) -> Iterator[Edge]:
        """The steps from a value to a loss along the way with the fewest barriers."""
        while value in self._via:
            edge = self._via[value]
            yield edge
            value = edge.sink

    def landmarks(self, value: int) -> Iterator[Edge]:
        """The steps of ``way`` worth a word: barriers, values that have a name, and the last ones."""
        value = self._ahead[value] if value != NOWHERE else NOWHERE
        while value != NOWHERE:
            edge = self._via[value]
            yield edge
            value = self._ahead[edge.sink]

    def in_short(self, value: int, beginning: int = 64) -> Iterator[Edge]:
        """The beginning of ``way``, and the landmarks of its rest."""
        for edge in islice(self.way(value), beginning):
            yield edge
            value = edge.sink
        yield from self.landmarks(value)

    def cuts(self, value: int) -> list[Cut]:
        """The barriers on the best way from a value to a loss, the one nearest the loss first."""
        found = [self._cut(edge) for edge in self.landmarks(value) if edge.barrier is not None]
        firm = [cut for cut in found if not cut.barrier.selects]
        return (firm or found)[::-1]

    def sufficient(self, value: int) -> list[Cut]:
        """Every single barrier whose lifting alone would connect a value to a loss, in order of running."""
        edges = self._sufficient.get(value, frozenset())
        return [self._cut(edge) for edge in sorted(edges, key=lambda e: (e.op, e.source, e.sink))]

    @cached_property
    def _sufficient(self) -> dict[int, frozenset[Edge]]:
        """For every value the barriers that it meets, and behind which nothing but carrying edges are left."""
        found: dict[int, frozenset[Edge]] = {}
        for source in self._out_of:
            for edge in self._out_edges(source):
                self._meet(found, edge)
        changed = True
        while changed:  # readers come before what they read, but for the head of a loop
            changed = False
            for op in range(len(self.graph) - 1, -1, -1):
                outputs = self.graph.outputs(op)
                if op in self.graph.barriers or any(sink in found for sink in outputs):
                    for sink in outputs:
                        for edge in self.into(sink):
                            changed = self._meet(found, edge) or changed
        return found

    def _meet(self, found: dict[int, frozenset[Edge]], edge: Edge) -> bool:
        """Whether an edge shows its source something new."""
        known: frozenset[Edge] = found.get(edge.source, frozenset())
        if edge.barrier is None:
            new = found.get(edge.sink, known)
        else:
            new = frozenset((edge,)) if not edge.barrier.selects and self.carries(edge.sink) else known
        if new <= known:
            return False
        found[edge.source] = new if known <= new else known | new
        return True

    def forward(self, values: Iterable[int], barriers: bool = True) -> list[int]:
        """All values that the given ones influence, themselves included, in order of discovery.

        Args:
            barriers: whether influence goes through barriers.
        """
        seen = {v for v in values if v != NOWHERE}
        todo = list(seen)
        for value in todo:
            for edge in self._out_edges(value):
                if edge.sink not in seen and (barriers or edge.barrier is None):
                    seen.add(edge.sink)
                    todo.append(edge.sink)
        return todo

    def backward(self, values: Iterable[int]) -> list[int]:
        """All values that influence the given ones, themselves included."""
        todo = list(dict.fromkeys(values))
        seen = set(todo)
        for value in todo:
            for edge in self.into(value):
                if edge.source not in seen:
                    seen.add(edge.source)
                    todo.append(edge.source)
        return todo

    def into(self, value: int) -> Iterator[Edge]:
        """The edges that lead to a value."""
        graph = self.graph
        op = graph.value_op[value]
        if op == NOWHERE:
            for trip in self._into.get(value, ()):
                yield Edge(trip.departure.value, NOWHERE, value, Barrier(0, 0, "left-framework", "inferred"))
            return
        if op in self.hidden:
            return
        barriers = graph.barriers.get(op)
        if not barriers:
            for source in graph.inputs(op):
                yield Edge(source, op, value, None)
            return
        position = graph.outputs(op).index(value)
        found = {b.input: b for b in barriers if b.output == position}
        for i, source in enumerate(graph.inputs(op)):
            yield Edge(source, op, value, found.get(i))

    @cached_property
    def fed(self) -> frozenset[int]:
        """The values that carry some living parameter; all values where no parameter lives."""
        alive = [p.value for p in self.graph.parameters if self.alive(p)]
        return frozenset(self.forward(alive, barriers=False) if alive else range(self.graph.values))

    def running(self, opened: int) -> frozenset[str]:
        """The names of the layers in which some operation from ``opened`` on ran."""
        if opened not in self._running:
            graph = self.graph
            scopes = {graph.op_scope[op] for op in range(opened, len(graph))}
            self._running[opened] = frozenset(part for s in scopes for part in graph.names[s].split("/"))
        return self._running[opened]

    def readers(self, value: int) -> list[int]:
        """The operations that read a value, in order of running."""
        if self._start is None:
            self._index()
        assert self._start is not None
        found = self._readers[self._start[value] : self._start[value + 1]]
        return [op for op in found if op not in self.hidden] if self.hidden else list(found)

    def recorded_readers(self, value: int) -> list[int]:
        """The operations that read a value on a record: a look at a weight for a log, or a copy, is no use of it."""
        return [op for op in self.readers(value) if not self._unrecorded(op, value)]

    def _unrecorded(self, op: int, value: int) -> bool:
        barriers = self.graph.barriers.get(op, ())
        off = {b.input for b in barriers if b.kind in _ASIDE}
        return bool(off) and all(i in off for i, read in enumerate(self.graph.inputs(op)) if read == value)

    def births(self, value: int, kind: GradientSeen) -> list[Edge]:
        """Where, on the ways that carry, the measured cotangent turns into ``kind``: the operation's own doing.

        Args:
            value: the parameter's.
            kind: ``zero`` or ``nonfinite``, which the parameter's gradient was measured to be.
        """
        cotangents = self.graph.cotangents
        found: list[Edge] = []
        seen, todo = {value}, [value]
        for source in todo:  # grows on the way
            edges = [e for e in self._out_edges(source) if e.barrier is None and self.carries(e.sink)]
            # One reader that hands back what is not finite is enough: then the others are not to blame.
            handed = kind == "nonfinite" and any(cotangents.get(edge.sink) == kind for edge in edges)
            for edge in edges:
                before = cotangents.get(edge.sink, "unknown")
                if before not in ("unknown", kind):
                    if not handed and (source == value or cotangents.get(source) == kind):
                        found.append(edge)
                elif edge.sink not in seen:
                    seen.add(edge.sink)
                    todo.append(edge.sink)
        return sorted(found, key=lambda edge: edge.op)

    def _measure(self, targets: Iterable[int]) -> None:
        queue = [(0, target) for target in targets if target != NOWHERE]
        for _, target in queue:
            self.cost[target] = 0
        heapq.heapify(queue)
        while queue:
            cost, value = heapq.heappop(queue)
            if cost > self.cost[value]:
                continue
            for edge in self.into(value):
                price = cost + self._price(edge)
                if price < self.cost[edge.source]:
                    self.cost[edge.source] = price
                    self._reach(edge)
                    heapq.heappush(queue, (price, edge.source))

    def _reach(self, edge: Edge) -> None:
        """The best way from ``edge.source`` begins with this edge; the rest of it is known."""
        source = edge.source
        self._via[source] = edge
        self._left[source] = self._left[edge.sink] + 1
        landmark = edge.barrier is not None or edge.sink in self.graph.labels or self._left[source] <= LAST
        self._ahead[source] = source if landmark else self._ahead[edge.sink]

    def _price(self, edge: Edge) -> int:
        if edge.barrier is None:
            return 0
        if edge.op == NOWHERE:
            return BARRIER + INFERRED
        own, selects = OWN.get(edge.barrier.kind, 0), edge.barrier.selects
        return BARRIER + own + SELECTS * selects + LIBRARY * self._in_library(edge.op)

    def _in_library(self, op: int) -> bool:
        """Whether an operation is a library's own doing: it has no user frame, or one inside a package."""
        known = self._library.get(op)
        if known is None:
            stack = self.graph.stacks[self.graph.op_stack[op]]
            known = self._library[op] = not stack or "site-packages" in stack[0].file
        return known

    def _out_edges(self, value: int) -> Iterator[Edge]:
        graph = self.graph
        for op in dict.fromkeys(self.readers(value)):
            barriers = {(b.input, b.output): b for b in graph.barriers.get(op, ())}
            for i, source in enumerate(graph.inputs(op)):
                if source == value:
                    for o, sink in enumerate(graph.outputs(op)):
                        yield Edge(value, op, sink, barriers.get((i, o)))
        for trip in self._out_of.get(value, ()):
            yield Edge(value, NOWHERE, trip.arrival.value, Barrier(0, 0, "left-framework", "inferred"))

    def _cut(self, edge: Edge) -> Cut:
        assert edge.barrier is not None
        if edge.op == NOWHERE:
            trip = next(t for t in self._into[edge.sink] if t.departure.value == edge.source)
            return Cut(NOWHERE, edge.barrier, trip.departure.stack)
        return Cut(edge.op, edge.barrier, self.graph.stacks[self.graph.op_stack[edge.op]])

    def _index(self) -> None:
        """Readers of each value, as one array with an offset per value."""
        graph = self.graph
        counts = array("q", [0]) * (graph.values + 1)
        for value in graph.in_value:
            counts[value + 1] += 1
        for value in range(graph.values):
            counts[value + 1] += counts[value]
        fill = counts[:]
        readers = array("q", [0]) * len(graph.in_value)
        for op in range(len(graph)):
            for value in graph.inputs(op):
                readers[fill[value]] = op
                fill[value] += 1
        self._start, self._readers = counts, readers
