"""What torch's functions do to a gradient where torch itself does not show it: a table of names.

Everything else is asked of the tensors: whether an output requires a gradient, and where its gradient function leads.
The tests compare every row with autograd, over torch's own operator database.
"""

from __future__ import annotations

from collections.abc import Mapping

# What an operation's barriers are facts of, by the operation's name (without the underscore of in-place variants).
CUTS: Mapping[str, tuple[str, str]] = {
    name: (kind, detail)
    for kind, detail, names in (
        ("stop-gradient", "", "detach data:get"),
        ("left-framework", "makes a constant of it", "tensor new_tensor as_tensor asarray"),
        # Their derivative is zero wherever it exists; torch gives zeros for them, not None.
        (
            "non-differentiable-op",
            "its derivative is zero",
            "round floor ceil trunc fix sign sgn div_trunc div_floor eq_ ne_ lt_ le_ gt_ ge_ "
            "norm_0 linalg_norm_0 linalg_vector_norm_0",
        ),
        (
            "non-differentiable-op",
            "sampling has no derivative",
            "normal bernoulli multinomial poisson binomial geometric uniform exponential cauchy log_normal random",
        ),
    )
    for name in names.split()
}
# The same for one input, by its position. What goes back through a piecewise linear function does not depend on where
# in a piece its input lies.
CUTS_OF: Mapping[tuple[str, int], tuple[str, str]] = {
    (name, position): ("non-differentiable-op", "its derivative for this argument is zero")
    for position, names in (
        (0, "fill"),
        (
            1,
            "copysign nextafter hardshrink_backward softshrink_backward hardtanh_backward leaky_relu_backward "
            "threshold_backward rrelu_with_noise_backward nll_loss_backward nll_loss2d_backward avg_pool2d_backward "
            "avg_pool3d_backward _adaptive_avg_pool2d_backward _adaptive_avg_pool3d_backward max_pool2d_backward "
            "max_pool2d_with_indices_backward max_pool3d_with_indices_backward adaptive_max_pool2d_backward "
            "adaptive_max_pool3d_backward fractional_max_pool2d_backward fractional_max_pool3d_backward "
            "reflection_pad1d_backward reflection_pad2d_backward reflection_pad3d_backward "
            "replication_pad1d_backward replication_pad2d_backward replication_pad3d_backward",
        ),
    )
    for name in names.split()
}
# With order 0 they count the elements that are not zero.
NORMS = frozenset(("norm", "linalg_norm", "linalg_vector_norm"))
# What takes the mean away from a single entry leaves nothing of it, and passes a bias on alone.
CENTRED = frozenset(("layer_norm", "group_norm"))
# They scale to length 1 along an axis, the argument at this position; of a single entry only the sign is left.
SCALED: Mapping[str, int] = {"normalize": 2, "cosine_similarity": 2}
# They read a tensor's shape and type, not what is in it.
SHAPE_ONLY = frozenset(
    "zeros_like ones_like empty_like full_like rand_like randn_like randint_like new_zeros new_ones new_empty new_full "
    "new_empty_strided size numel stride dim nelement element_size data_ptr storage_offset".split()
)
# In place they keep nothing of what the tensor held.
OVERWRITING = frozenset("zero fill copy".split())
OVERWRITTEN = ("non-differentiable-op", "it overwrites every element")
# Output number n reads input number n alone.
PARALLEL = frozenset("broadcast_tensors atleast_1d atleast_2d atleast_3d align_tensors".split())
# A change of type, rather than an operation whose result is of another type by nature.
CASTS = frozenset("to type type_as long int short char byte bool half float double view_as_real __int__".split())
# What a library's sampling function is called; inside, it runs with grad mode off.
SAMPLERS = frozenset(("sample", "sample_n"))
# Operations in which a Python number is an operand, not a dimension or an index.
ARITHMETIC = frozenset(
    "add sub mul div true_divide pow rsub radd rmul rdiv rtruediv rpow clamp maximum minimum where fill lerp addcmul "
    "addcdiv full tensor as_tensor full_like masked_fill leaky_relu elu celu softplus hardtanh threshold softshrink "
    "hardshrink dropout gumbel_softmax huber_loss smooth_l1_loss cross_entropy triplet_margin_loss "
    "scaled_dot_product_attention fake_quantize_per_tensor_affine".split()
)
# Their derivative is not finite, or 0 * inf, at some point; by the names of torch's functions.
POLES = frozenset(
    "sqrt rsqrt pow rpow div true_divide rdiv rtruediv truediv reciprocal log log2 log10 log1p xlogy norm linalg_norm "
    "linalg_vector_norm vector_norm matrix_norm frobenius_norm cdist pairwise_distance pdist std std_mean var exp "
    "expm1 sinh cosh acos asin arccos arcsin atan2 acosh atanh tan softmax log_softmax logsumexp normalize "
    "cosine_similarity prod cumprod lgamma digamma erfinv logit linalg_svd linalg_eigh svd eigh inverse linalg_inv "
    "linalg_det logdet scaled_dot_product_attention binary_cross_entropy layer_norm group_norm batch_norm "
    "ctc_loss".split()
)
# Of these the derivative is finite wherever the result is (of a normalisation, as long as it adds something to the
# variance): to look at the result takes the place of two hooks.
SMOOTH = frozenset("exp expm1 sinh cosh softmax log_softmax logsumexp layer_norm group_norm batch_norm".split())


def plain(name: str) -> str:
    """A function's name without what marks it as in-place or as an operator."""
    if name.startswith("__") and name.endswith("__"):
        name = name[2:-2]
        return name.removeprefix("i") if name in _IN_PLACE_OPERATORS else name
    return name.removesuffix("_") if not name.startswith("_") else name


_IN_PLACE_OPERATORS = frozenset("iadd isub imul itruediv ifloordiv ipow imod iand ior ixor".split())


def changes_first(name: str) -> bool:
    """Whether a function of this name writes to its first argument."""
    if name.startswith("__"):
        return name in ("__setitem__", "__delitem__") or name[2:-2] in _IN_PLACE_OPERATORS
    return name.endswith(("_", ":set"))


def differentiable(dtype: object) -> bool:
    """Whether torch differentiates tensors of this type: floating and complex ones."""
    return str(dtype).startswith(("torch.float", "torch.bfloat", "torch.complex", "torch.half", "torch.double"))
