"""Why a gradient that is there moves nothing, in words; recorders name the reason in a parameter's history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from whygrad.causes.cause import ANY
from whygrad.causes.left_out import LEFT, UNHELD
from whygrad.finding import Severity


@dataclass(frozen=True, slots=True)
class Words:
    """What to say of one reason; ``{code}`` is the text of the place."""

    reason: str
    label: str
    fix: str
    proof: str
    severity: Severity = "error"


# The script does speak of a step, in a branch that nothing takes.
UNREACHED = "never reached"

REASONS: Mapping[str, Words] = {
    "cleared": Words(
        "`{code}` clears it before the optimizer's step",
        "cleared here, after the backward pass and before the step",
        "clear the gradients before the backward pass, or after the step, and clip them to more than 0",
        "it was there after the backward pass, and gone when the optimizer stepped",
    ),
    "dropped": Words(
        "what `{code}` hands back is dropped",
        "this hands back new parameters, and leaves the old as they are",
        "bind the result to the name that the next step reads",
        "each update began with the very same arrays, and nothing reads what it gave",
    ),
    "unreturned": Words(
        "nothing that the compiled function hands back depends on what `{code}` gives",
        "the new parameters are made here, and go nowhere",
        "return them, and bind the result to the name that the next step reads",
        "no result of the compiled program depends on them",
    ),
    "schedule of zeros": Words(
        "its schedule is 0 at every count",
        "the learning rate of this optimizer is a schedule that stays at 0",
        "give the schedule a value that is not 0 to begin or to end with",
        "no update moved anything, and the schedule is 0 at every count that was tried",
        "warning",
    ),
    "rate": Words(
        "the learning rate was 0 in every step",
        "this optimizer has a learning rate of 0",
        "set a learning rate, and look at what the schedule makes of it: {rate}",
        "the optimizer stepped, and its learning rate was 0 each time",
        "warning",
    ),
    "schedule": Words(
        "its schedule kept the learning rate at 0 in every step",
        "this schedule makes the learning rate 0",
        "look at what the schedule makes of it: `optimizer.param_groups[0]['lr']`",
        "the optimizer was made with another learning rate, and that was 0 at each step",
        "warning",
    ),
    UNHELD: Words(
        "no optimizer holds it",
        "this optimizer does not get it",
        "give it to the optimizer, or set `requires_grad = False` if it is not to learn",
        "it gets a gradient, and no optimizer was ever given it; it comes after what is trained, or was thawed",
        "warning",
    ),
    "handed zeros": Words(
        "`{code}` is handed zeros in its place",
        "every gradient that arrives here is zero in every element",
        "look at what lies between the two: clip to more than 0, and clear sums of gradients only after the step",
        "it was there after the backward pass, and only zeros were applied, at every step",
    ),
    "refused": Words(
        "`{code}` hands it to an optimizer that was built for other variables",
        "this optimizer does not know it, and refuses",
        "make an optimizer for each model, and a new one after a layer was added or replaced",
        "it is not among the variables that the optimizer was built for",
    ),
    "never applied": Words(
        "no optimizer is ever handed it",
        "the gradient ends here",
        "hand it to the optimizer: `optimizer.apply_gradients(zip(gradients, variables))`",
        "it was asked for until the script ended, an optimizer was made and never stepped, and nothing moved",
        "warning",
    ),
    UNREACHED: Words(
        "`{code}` is never reached",
        "no step of the run came here",
        "look at the condition around it: it never held",
        "it was asked for until the script ended, an optimizer was made and never stepped, and nothing moved",
        "warning",
    ),
    LEFT: Words(
        "`{code}` does not hand it to the optimizer",
        "takes only some of the variables that were asked for",
        "use one list of variables for the gradient call and for the optimizer",
        "others of the same request were applied and moved; this one was handed to no optimizer, and never moved",
        "warning",
    ),
    "undone": Words(
        "`{code}` puts back what the optimizer had changed",
        "written again here after each step, with what it held before",
        "leave it alone after the step, or keep a copy of what it has learned and write that",
        "it moved in the optimizer's steps, and at each next request it held its first value again",
        "warning",
    ),
    "copied": Words(
        "`{code}` makes a tensor, and the variable stays as it was",
        "the new value is made here, and nothing reads it",
        "write to the variable itself: `variable.assign_sub(rate * gradient)`",
        "new values were computed from it and its gradient, nothing read them, and it never moved",
    ),
    "no step": Words(
        "its optimizer never takes a step",
        "`step()` of this optimizer was never called",
        "call `optimizer.step()` after the backward pass",
        "backward passes ran until the script ended, and no step of the optimizer that holds it",
        "warning",
    ),
}


# How a learning rate in force is read.
RATES: Mapping[str, str] = {
    "tensorflow": "`float(optimizer.learning_rate)`",
    "jax": "`schedule(1000)`",
    ANY: "`optimizer.param_groups[0]['lr']`",
}


# Ways in which what is new is dropped; the words are the same.
ROWS: Mapping[str, str] = {"dropped, others read": "dropped", "given again": "dropped"}
