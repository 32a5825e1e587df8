"""What the causes of the link "carried" share: a barrier stands on every way from the parameter to the loss."""

from __future__ import annotations

from dataclasses import replace

from whygrad.causes.cause import Case, Explanation, chain_of
from whygrad.causes.words import Words, explained
from whygrad.finding import Fix, Label, Proof
from whygrad.span import Span
from whygrad.ways import Cut


def cut_by(case: Case, kind: str) -> list[Cut]:
    """The cuts to speak of, if the one to name first is of that kind; else none."""
    if case.parameter.value < 0 or not case.flow.influences(case.parameter.value):
        return []
    cuts = case.cuts
    return cuts if cuts and cuts[0].barrier.kind == kind else []


def explain_cut(
    case: Case, cuts: list[Cut], words: Words, culprit: Span | None = None, fix: Fix | None = None
) -> Explanation:
    """The explanation of a barrier, with every further one on the way.

    Args:
        culprit: a better place than the barrier's own.
        fix: a better cure than the words' own.
    """
    first, parallel = cuts[0], case.flow.cost[case.parameter.value] < 2000
    place = culprit if culprit is not None else first.span
    said = "the other way to the loss is cut here" if parallel else words.again
    seen = {place.place()} if place is not None else set()
    more: list[Label] = []
    for cut in cuts[1:4]:
        if cut.span is not None and cut.span.place() not in seen:
            seen.add(cut.span.place())
            more.append(Label(cut.span, said))
    told = explained(words, place, chain_of(case), *more, detail=first.barrier.detail, fix=fix)
    series = len({c.span.place() for c in cuts if c.span is not None}) > 1 and not parallel
    if series:
        note = f"{len(cuts)} cuts lie on the only way to the loss: mending one of them is not enough"
        told = replace(told, notes=(note,))
    return replace(told, proof=structural(case, cuts))


def structural(case: Case, cuts: list[Cut]) -> Proof:
    """Why a cut is to be believed: the three facts that make it."""
    if any(cut.op < 0 for cut in cuts):
        return Proof("inferred", True, "the source shows that the value which left is the one that came back")
    if len({c.span.place() if c.span else None for c in cuts}) == 1 or case.flow.cost[case.parameter.value] < 2000:
        text = "the parameter reaches the cut, the cut reaches the loss, and with it lifted a gradient flows"
    else:
        text = "the parameter reaches the cuts, the cuts reach the loss, and no other way does"
    return Proof("structural", True, text)


def only_use(case: Case, cut: Cut) -> bool:
    """Whether the line of a cut cuts nothing else: a function that two callers share may be right for one of them."""
    graph, place = case.graph, cut.span
    stacks = {
        tuple(span.place() for span in graph.stacks[graph.op_stack[op]])
        for op, barriers in graph.barriers.items()
        if any(barrier.kind == cut.barrier.kind for barrier in barriers)
    }
    return place is not None and sum(stack[:1] == (place.place(),) for stack in stacks) == 1
