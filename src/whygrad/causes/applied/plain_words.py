"""PLAIN: what to say of the reasons that a recorder has seen beyond doubt, one row for each."""

from __future__ import annotations

from collections.abc import Mapping

from whygrad.causes.words import Words

PLAIN: Mapping[str, Words] = {
    "cleared": Words(
        "`{code}` clears it before the optimizer's step",
        "cleared here, after the backward pass and before the step",
        "clear the gradients before the backward pass, or after the step, and clip them to more than 0",
        "it was there after the backward pass, and gone when the optimizer stepped",
    ),
    "clipped away": Words(
        "`{code}` makes zeros of it",
        "zeros after this: the bound is 0, or the norm of all gradients is too large to be a number",
        "clip to more than 0; where a loss scaler is used, call `scaler.unscale_(optimizer)` before",
        "it was there after the backward pass, and all zeros when the optimizer stepped",
    ),
    "cleared alone": Words(
        "`{code}` takes it away before each step",
        "taken away here, while others keep theirs",
        "clear gradients once, before the first backward pass, and leave this one as it is; what is not to learn is "
        "frozen (`requires_grad = False`)",
        "it was there after each backward pass that was recorded, gone when the optimizer stepped, and never moved",
        "warning",
    ),
    "alias": Words(
        "`{code}` is made for other tensors, which only share their numbers with the parameters",
        "what it gets here is no parameter: no backward pass gives it a gradient",
        "hand over the parameters themselves: `model.parameters()`",
        "the optimizer stepped with tensors that have no gradient, and no parameter behind them moved",
    ),
    "handed zeros": Words(
        "`{code}` is handed zeros in its place",
        "every gradient that arrives here is zero in every element",
        "look at what lies between the two: clip to more than 0, and clear sums of gradients only after the step",
        "it was there after the backward pass, and only zeros were applied, at every step",
    ),
    "swapped": Words(
        "`{code}` pairs gradients with variables that they do not belong to",
        "the gradients come in the order of their request, and these are other variables, or in another order",
        "use one list of variables for the gradient call and for the optimizer",
        "the optimizer was handed the gradient of another variable in its place, and never its own",
    ),
    "refused": Words(
        "`{code}` hands it to an optimizer that was built for other variables",
        "this optimizer does not know it, and refuses",
        "make an optimizer for each model, and a new one after a layer was added or replaced",
        "it is not among the variables that the optimizer was built for",
    ),
    "refused, built for nothing": Words(
        "`{code}` hands it to an optimizer that was built for no variables at all",
        "this optimizer was built before there was anything to train, and refuses",
        "build the optimizer after the model has its variables (call it once), or leave that to the first step",
        "the optimizer was built, and for nothing",
    ),
    "copied": Words(
        "`{code}` makes a tensor, and the variable stays as it was",
        "the new value is made here, and nothing reads it",
        "write to the variable itself: `variable.assign_sub(rate * gradient)`",
        "new values were computed from it and its gradient, nothing read them, and it never moved",
    ),
    "unchanged": Words(
        "`{code}` leaves it as it was",
        "nothing that is handed over here is moved by it",
        "look at what the optimizer does with a gradient: whether it writes to the variable itself, and whether the "
        "step is too small for numbers of this size and dtype",
        "the optimizer was handed gradients that are not zero at a rate that is not 0, and no value ever changed",
        "warning",
    ),
    "undone": Words(
        "`{code}` puts back what the optimizer had changed",
        "written again here after each step, with what it held before",
        "leave it alone after the step, or keep a copy of what it has learned and write that",
        "it moved in the optimizer's steps, and at each next request it held its first value again",
        "warning",
    ),
    "constrained": Words(
        "its constraint undoes each update",
        "this is made with a constraint",
        "leave the constraint out, or look at what it makes of the new value",
        "an optimizer got its gradient, the learning rate is not 0, and it holds the same value as before",
        "warning",
    ),
    "unreturned": Words(
        "nothing that the compiled function hands back depends on what `{code}` gives",
        "the new parameters are made here, and go nowhere",
        "return them, and bind the result to the name that the next step reads",
        "no result of the compiled program depends on them",
    ),
    "not taken back": Words(
        "`{code}` makes new parameters, and the gradient is asked of the old ones each time",
        "what is made new here never comes back to where the gradient is asked",
        "ask for the gradient by the new parameters, or put them back into the model (`nnx.update`, `eqx.combine`)",
        "the first update began with the very arrays of every request, and the updates went on from there",
    ),
    "no backward": Words(
        "no backward pass runs before `{code}`",
        "the optimizer steps here, and there is nothing to step with",
        "call `loss.backward()` before the step",
        "the forward pass read it, and until the script ended nothing asked for a gradient of anything",
    ),
    "another's backward": Words(
        "no backward pass is asked of {detail} before `{code}`",
        "the optimizer steps here, and there is nothing to step with",
        "call `backward()` of {detail} before the step",
        "a loss that all of this optimizer's parameters have a way to was computed, and no pass that ran gave them "
        "anything",
    ),
    "no step": Words(
        "its optimizer never takes a step",
        "`step()` of this optimizer was never called",
        "call `{detail}.step()` after the backward pass",
        "backward passes ran until the script ended, and no step of the optimizer that holds it",
        "warning",
    ),
    "skipped": Words(
        "the loss scaler leaves out every step, since gradients are not finite",
        "this leaves out the optimizer's step each time",
        "look at the loss without the scaler: something in it overflows or has no derivative, whatever the scale is",
        "every step that the scaler was asked for was left out, until the script ended",
        "warning",
    ),
    "skipped, scaled": Words(
        "the loss scaler leaves out every step, since gradients are not finite at its scale",
        "this leaves out the optimizer's step each time",
        "begin with a smaller `init_scale`: it was still {detail} when the script ended, and each step that is left "
        "out makes it only a little smaller",
        "every step that the scaler was asked for was left out, and the scale was far above what losses stand",
        "warning",
    ),
    "rate": Words(
        "the learning rate was 0 in every step",
        "this optimizer has a learning rate of 0",
        "set a learning rate, and look at what the schedule makes of it: {detail}",
        "the optimizer stepped, and its learning rate was 0 each time",
        "warning",
    ),
    "rate changed": Words(
        "the learning rate was 0 in every step",
        "this optimizer is made with another learning rate, and something sets it to 0",
        "look for what sets it (a callback, a schedule, an assignment), and at what it makes of it: {detail}",
        "the optimizer stepped, and its learning rate was 0 each time",
        "warning",
    ),
    "thawed later": Words(
        "it was thawed after training had begun, and no optimizer holds it",
        "this optimizer does not get it",
        "hand it over when it is thawed: `optimizer.add_param_group({{'params': ...}})`",
        "it was frozen in the first steps, got gradients later on, and did not move; no optimizer holds it",
        "warning",
    ),
    "rate of a group": Words(
        "the learning rate of its group was 0 in every step",
        "one of its groups has a learning rate of 0",
        "give the group a learning rate, or freeze it (`requires_grad = False`) if it is not to learn",
        "the optimizer stepped and moved the other groups, and the learning rate of this one was 0 each time",
        "warning",
    ),
    "stands": Words(
        "no step of its optimizer changes any number",
        "the steps of this optimizer leave everything as it was",
        "look at how large its updates are beside the numbers and what their type can tell apart: keep parameters in "
        "float32 (and use autocast), or raise the learning rate; a `step` of your own must write in place",
        "its learning rate was not 0, gradients were there, and the same numbers stood there after each step",
        "warning",
    ),
    "schedule": Words(
        "its schedule kept the learning rate at 0 in every step",
        "this schedule makes the learning rate 0",
        "look at what the schedule makes of it: `optimizer.param_groups[0]['lr']`",
        "the optimizer was made with another learning rate, and that was 0 at each step",
        "warning",
    ),
    "schedule at its end": Words(
        "its schedule kept the learning rate at 0 in {detail}",
        "this schedule makes the learning rate 0, and the script goes on",
        "tell the schedule how many steps there are, or step it once an epoch and not once a batch",
        "the optimizer stepped until the script ended, and its learning rate had become 0 long before",
        "warning",
    ),
    "schedule of zeros": Words(
        "its schedule is 0 at every count",
        "the learning rate of this optimizer is a schedule that stays at 0",
        "give the schedule a value that is not 0 to begin or to end with",
        "no update moved anything, and the schedule is 0 at every count that was tried",
        "warning",
    ),
    "count stands": Words(
        "its schedule begins with a learning rate of 0, and is asked for the first one in every step",
        "the optimizer's state, which counts the steps, is the same each time",
        "hand each step the state that the one before gave back: `params, state, loss = step(params, state)`",
        "no update moved anything, and the schedule is 0 at the first count alone",
        "warning",
    ),
    "own schedule": Words(
        "nothing moves in any step, and the schedule of the learning rate ends in `{code}`",
        "of all that the optimizer is made of, only what comes out here can keep the updates at 0",
        "call the schedule for the first steps by hand and look at what it gives",
        "every step began with the same numbers, and nothing else of the optimizer is known to stop updates",
        "warning",
    ),
    "bound of zero": Words(
        "`{code}` cuts every update down to 0",
        "made here with a bound of 0",
        "give it a bound that is more than 0",
        "every step began with the same numbers, and the optimizer clips to 0",
    ),
    "not due": Words(
        "`{code}` had not come due when the script ended",
        "this waits for {detail}",
        "let it apply after fewer gradients, or let the script make more steps",
        "every step began with the same numbers, and fewer gradients came than it waits for",
        "note",  # a run may be cut short on purpose
    ),
    "all frozen": Words(
        "`{code}` keeps every update at 0",
        "this optimizer stops updates, and no parameter is left that moves",
        "look at which parameters the labels or the mask hold back: by now it is all of them",
        "every step began with the same numbers, and the optimizer has a part that lets nothing through",
        "warning",
    ),
    "others updated": Words(
        "`{code}` changes other arrays than those that the gradient was asked of",
        "the updates are added to something else here",
        "apply the updates to what the gradient was asked of, and hand the result to the next step",
        "every step of the run began with the same numbers, and what is updated is another argument of the step",
        "warning",
    ),
    "same numbers": Words(
        "`{code}` gives back the numbers that it was given, in every step",
        "nothing is changed here",
        "look at what the update is multiplied with (a rate of 0), at what decides whether it is made, and whether it "
        "is too small for the dtype",
        "gradients are there, and every step of the run began with the same numbers",
        "warning",
    ),
}
