"""The Graph and the frozen records that it is made of."""

from whygrad.graph.columns import Graph
from whygrad.graph.operations import IN_DATASET, NO_GRAPH, NOWHERE, Barrier, Crossing, Op, Shape, Value
from whygrad.graph.parameters import Event, EventKind, GradientSeen, Layer, Parameter
from whygrad.graph.requests import Fault, Recording

__all__ = [
    "IN_DATASET",
    "NOWHERE",
    "NO_GRAPH",
    "Barrier",
    "Crossing",
    "Event",
    "EventKind",
    "Fault",
    "GradientSeen",
    "Graph",
    "Layer",
    "Op",
    "Parameter",
    "Recording",
    "Shape",
    "Value",
]
