"""The tests mirror the source one to one, and no room outgrows its reader."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src" / "whygrad"
MOST_LINES = 300
UNTESTED = {
    "__init__.py": "a list of names",
    "__main__.py": "test_cli runs it in every test",
    "errors.py": "a tree of names",
    "finding.py": "records without behaviour",
    "span.py": "records without behaviour",
    "voice.py": "test_cli hears it in every test",
    "ways.py": "records, which test_flow walks",
}

# Rooms whose modules only make sense together are tested as one, through what the room is for.
ROOMS = {
    "causes": "causes/test_causes.py",  # every manual page's programs, run
    "causes/alive": "causes/test_zero_gradient.py",
    "causes/applied": "causes/test_causes.py",
    "graph": "graph/test_graph.py",
    "recorders": "recorders/test_recorders.py",
    "recorders/jax": "recorders/jax/test_jax.py",  # verdicts against JAX's own
    "recorders/torch": "recorders/torch/test_torch.py",  # verdicts against autograd's own
    "recorders/tensorflow": "recorders/tensorflow/test_tensorflow.py",  # verdicts against TensorFlow's own
    "watching": "watching/test_watch.py",
}


def modules() -> list[str]:
    """The modules that hold code, as paths below the package."""
    paths = (path for path in SOURCE.rglob("*.py") if _has_code(path))
    return sorted(str(path.relative_to(SOURCE)) for path in paths)


def _has_code(path: Path) -> bool:
    body = ast.parse(path.read_text("utf-8")).body
    return any(not isinstance(each, ast.Expr) for each in body)


def place_of_test(module: str) -> Path:
    """Where the test of a module lies; of a package, in its folder."""
    path = Path(module)
    own = TESTS / path.with_name(f"test_{path.stem.strip('_')}.py")
    room = ROOMS.get(str(path.parent))
    return TESTS / room if room is not None and not own.exists() else own


@pytest.mark.parametrize("module", [module for module in modules() if module not in UNTESTED])
def test_every_module_has_its_test(module: str) -> None:
    assert place_of_test(module).exists(), f"{place_of_test(module).relative_to(TESTS.parent)} is missing"


@pytest.mark.parametrize("module", UNTESTED)
def test_an_exemption_is_needed(module: str) -> None:
    assert module in modules()
    assert not place_of_test(module).exists()


@pytest.mark.parametrize("module", modules())
def test_a_room_can_be_read_in_one_sitting(module: str) -> None:
    assert len((SOURCE / module).read_text("utf-8").splitlines()) <= MOST_LINES
