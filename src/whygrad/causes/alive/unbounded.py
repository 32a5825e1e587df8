"""What is said of an operation that makes numbers which are not finite, by the operation's name or by the way."""

from __future__ import annotations

from collections.abc import Mapping

from whygrad.causes.words import Words

ROOT = Words(
    "the derivative of `{code}` is infinite at zero",
    "infinite slope at zero",
    "add a small constant under the root or norm: `sqrt(x + eps)`",
)
POLE = Words(
    "`{code}` divides by zero, or nearly so",
    "a zero in the denominator",
    "add a small constant to the denominator, or replace the zeros in it before the division",
)
LOG = Words(
    "`{code}` takes the logarithm of zero, or of something negative",
    "no finite slope at zero",
    "clamp the input from below, or compute the loss from logits (`log_softmax`, `logsigmoid`)",
)
OVERFLOW = Words("`{code}` overflows", "infinite at these values", "subtract the largest value, or clamp the input")
EMPTY = Words(
    "a row of `{code}` has nothing to choose from",
    "a row with every entry masked",
    "leave at least one entry of each row unmasked, or mask with a large negative number instead of -inf",
)
SPREAD = Words(
    "`{code}` has no derivative where all its values are equal",
    "no spread, no slope",
    "add a small constant, or do not normalise a constant input",
)
NORM = Words(
    "`{code}` divides by the spread of its values, which is zero or too large a number",
    "all values equal, or too large to be squared",
    "look at what comes in: where it is constant, let the normalisation add an `eps`; where it is large, the training "
    "diverges, which a smaller learning rate or clipped gradients prevent",
)
WHERE = Words(
    "`where` does not protect from `{code}`: the branch that is not taken has an infinite derivative, and "
    "0 * inf is NaN",
    "computed for the elements that are not taken too",
    "replace the bad inputs before this operation too: `where(ok, x, 1.0)` inside and out",
)
NEGATIVE = Words(
    "`{code}` takes the root of something negative",
    "a negative number has no root",
    "keep what comes in above zero (`softplus`, a lower bound)",
)
EDGE = Words(
    "the derivative of `{code}` is infinite at the ends of its range",
    "infinite slope at the ends, and no value beyond them",
    "keep the input inside the range, by more than the precision of its type: `clamp(-1 + eps, 1 - eps)`",
)
SINGULAR = Words(
    "`{code}` is given a matrix that has no inverse, or nearly so",
    "not finite for such a matrix",
    "add a small multiple of the identity to the matrix, and look at what makes it singular",
)
EQUALS = Words(
    "the derivative of `{code}` is infinite where two of its values are equal",
    "two equal values, and their difference in the denominator",
    "use the values alone and not the vectors, or disturb the matrix a little",
)
UNALIGNED = Words(
    "`{code}` is infinite where a target has no alignment with its input",
    "a target longer than its input allows",
    "leave such samples out, give the model more steps for them, or make the loss with `zero_infinity=True`",
)
SPOILED = Words(
    "what `{code}` is given is not finite: the forward pass breaks before it",
    "not finite before it comes here",
    "look for where the values on the way to it stop being finite, from the first one on",
)
OUTSIDE = Words(
    "the loss itself is not finite, and no operation that was looked at makes it so",
    "not finite here",
    "look at what goes in with `torch.isfinite`: the data, what is computed without a gradient, weights that have "
    "grown too large",
    "the loss was looked at, and so was what operations with a pole give on the way to it, if it is not too large",
    "warning",
)
LONE = Words(
    "`{code}` takes the spread of a single number, which is no number",
    "one number has no spread: NaN",
    "leave the scaling out where there is one number only, or take the spread with `correction=0`",
    "the loss was looked at, and this is the spread of one number on the way to it",
    "warning",
)
INDEFINITE = Words(
    "`{code}` is given a matrix that is not positive definite",
    "not a number for such a matrix",
    "add a small multiple of the identity to the matrix, and look at what makes it indefinite",
)
BEGINS = Words(
    "the loss itself is not finite, and that begins in `{code}`",
    "finite numbers come in, and what comes out is not finite",
    "keep what comes in where the result is finite: a lower bound, a smaller learning rate, smaller first weights",
)
UNDEFINED = Words(
    "`{code}` gives NaN, since an infinite number goes into it",
    "0 * inf and inf - inf are NaN",
    "put a large finite number (such as `-1e9`) in the place of the infinite one, or choose by `where`",
)
DATA = Words(
    "some of what `{code}` is given is NaN or infinite before anything is computed",
    "NaN or an infinite number comes in here",
    "look for it in the data (`np.isfinite(x).all()`), and fill it in or leave those rows out",
)
FED = Words(
    "there is NaN or an infinite number in the data that is trained on",
    "the data that comes in here is not finite",
    "look for it (`np.isfinite(x).all()`, for the targets too), and fill it in or leave those rows out",
)
HELD = Words(
    "the loss is not finite, and variables that it is computed with are not finite by now either",
    "not finite here, when this was looked at",
    "look for the step that made them so (`tf.debugging.check_numerics(loss, 'loss')` raises at the first one): most "
    "often its data, a derivative without bound, or a learning rate that is too large",
    "measured in the forward pass: what the variables hold was not finite before anything was computed",
    "warning",
)

FACTOR = Words(
    "`{code}` multiplies it by a number that is not finite, or too large",
    "the other factor is not finite, or makes the product too large for its dtype",
    "look at where the other factor comes from, and put a finite number in its place",
)
HIDDEN = Words(
    "`{code}` makes NaN in some elements; the loss leaves those out, and 0 * NaN is NaN on the way back",
    "what comes in is a number, and what comes out is none",
    "give it something that it can compute with in every element, also in those that are not used: a row in which "
    "all is masked with -inf has no softmax",
)

WAYS: Mapping[str, Words] = {
    name: words
    for names, words in (
        (
            "sqrt rsqrt norm linalg_norm linalg_vector_norm vector_norm matrix_norm frobenius_norm cdist pdist "
            "pairwise_distance normalize cosine_similarity atan2 pow rpow euclideannorm prod cumprod",
            ROOT,
        ),
        ("div true_divide rdiv rtruediv truediv reciprocal realdiv divnonan inv integer_pow", POLE),
        ("log log2 log10 log1p xlogy logit binary_cross_entropy lgamma digamma", LOG),
        ("cholesky cholesky_ex linalg_cholesky linalg_cholesky_ex", INDEFINITE),
        ("exp expm1 sinh cosh tan", OVERFLOW),
        ("softmax log_softmax logsumexp scaled_dot_product_attention logsoftmax", EMPTY),
        ("std std_mean var", SPREAD),
        ("layer_norm group_norm batch_norm", NORM),
        ("ctc_loss ctcloss", UNALIGNED),
        ("acos asin arccos arcsin acosh atanh erfinv", EDGE),
        ("linalg_svd svd linalg_eigh eigh", EQUALS),
        ("linalg_inv inverse linalg_det logdet", SINGULAR),
    )
    for name in names.split()
}
