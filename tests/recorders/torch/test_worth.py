"""One look at a tensor: how it is answered, and that the same gradient is not looked at twice."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

pytest.importorskip("torch")

import torch

from whygrad.recorders.torch import values as values_module
from whygrad.recorders.torch.called import adds_nothing
from whygrad.recorders.torch.values import Values
from whygrad.recorders.torch.worth import is_zero, worth, worths

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


def unexpected(error: BaseException) -> None:
    raise error


def hooked(between: Callable[[torch.Tensor], None]) -> Values:
    """What two operations around a tensor measured, and a hook between them."""
    values = Values(unexpected)
    middle = torch.ones(3, requires_grad=True) * 2
    values.measure(middle, (0, 0, True))
    middle.register_hook(between)
    values.measure(middle, (1, 0, False))
    (middle * 3).sum().backward()
    return values


def test_a_gradient_that_two_operations_meet_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    real = values_module.looked_at
    monkeypatch.setattr(values_module, "looked_at", lambda gradient: (looks.append(1), real(gradient))[1])
    assert hooked(lambda gradient: None).seen == {(0, 0, True): "present", (1, 0, False): "present"}
    assert len(looks) == 1


def test_a_gradient_that_was_changed_in_place_is_looked_at_again() -> None:
    def clear(gradient: torch.Tensor) -> None:
        gradient.zero_()

    assert hooked(clear).seen == {(0, 0, True): "present", (1, 0, False): "zero"}


@pytest.mark.parametrize(
    ("values", "zero"),
    [
        ([0.0, 0.0], True),
        ([1.0, -1.0], False),
        ([math.nan, 0.0], False),
        ([math.inf, -math.inf], False),
        ([0, 0], True),
        ([3, -3], False),
        ([False, True], False),
        ([0j, 0j], True),
        ([1j, -1j], False),
        ([], True),
    ],
)
def test_zero_in_every_element(values: list[complex], zero: bool) -> None:
    assert is_zero(torch.tensor(values)) == zero


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_numbers_whose_squares_leave_the_range_are_present(size: float) -> None:
    assert worths([(1, torch.full((3,), size)), (2, torch.zeros(3))]) == {1: "present", 2: "zero"}


def trained(served: bool) -> Values:
    """What has seen a step whose gradients were of use, or of none."""
    weight, values = torch.ones(2, requires_grad=True), Values(unexpected)
    values.measured([weight], ("present",), {id(weight): "present" if served else "zero"})
    return values


def is_hooked(values: Values, result: torch.Tensor, smooth: bool = True) -> bool:
    """Whether an operation that has just given this is measured on the way back."""
    values.listen(0, [], [result], smooth)
    return bool(result._backward_hooks)


def result_of(*numbers: float, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.tensor(numbers, requires_grad=True, dtype=dtype) * 1


def test_what_is_smooth_is_not_measured_while_gradients_are_of_use() -> None:
    assert not is_hooked(trained(served=True), result_of(1.0, 2.0))
    assert is_hooked(trained(served=True), result_of(1.0, 2.0), smooth=False)


def test_what_is_smooth_is_measured_until_gradients_are_seen_to_be_of_use() -> None:
    assert is_hooked(Values(unexpected), result_of(1.0, 2.0))
    assert is_hooked(trained(served=False), result_of(1.0, 2.0))
    values = trained(served=True)
    values.clear()
    assert is_hooked(values, result_of(1.0, 2.0))


@pytest.mark.parametrize("result", [result_of(1.0, math.inf), result_of(math.nan), result_of(1.0, dtype=torch.float16)])
def test_what_is_smooth_is_measured_where_its_result_may_not_be_finite(result: torch.Tensor) -> None:
    assert is_hooked(trained(served=True), result)


@pytest.mark.parametrize(("eps", "hooked"), [(1e-5, False), (0.0, True)])
def test_a_normalisation_that_adds_nothing_to_the_variance_is_measured(eps: float, hooked: bool) -> None:
    assert adds_nothing((torch.ones(2, 2), (2,), None, None, eps), {}) == hooked
    assert adds_nothing((torch.ones(2, 2), (2,)), {"eps": eps}) == hooked


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.complex64, torch.int64])
def test_many_are_worth_what_each_is(dtype: torch.dtype) -> None:
    plain = [torch.zeros(3), torch.tensor([1.0, -1.0]), torch.empty(0), torch.full((2,), 3e38), torch.eye(2)]
    tensors = [each.to(dtype) for each in plain]
    if dtype is not torch.int64:
        tensors += [torch.tensor([1.0, math.nan]).to(dtype), torch.tensor([math.inf]).to(dtype)]
    tensors.append(torch.eye(2).to_sparse())
    expected = {number: worth(each) for number, each in enumerate(tensors)}
    assert worths([*enumerate(tensors), (99, None)]) == expected
