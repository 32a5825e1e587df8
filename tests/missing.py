"""``python missing.py FRAMEWORK``: a recorder under releases of its framework that lack one private name each.

A name can not be taken from a framework that uses it itself, so it is the recorder that asks for another one: its
source is read with that name changed. Each name is tried in a forked child, on the program of ``test_faults``.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import os
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple

import whygrad

SOURCE = Path(whygrad.__file__).parent
TESTS = Path(__file__).parent
FRAMEWORKS = {
    "tensorflow": ("tensorflow", "keras.layers"),
    "torch": ("torch", "torch._dynamo"),
    "jax": ("jax", "flax.nnx", "equinox", "optax"),
}
PACKAGES = {"tensorflow", "keras", "tf_keras", "torch", "jax", "jaxlib", "flax", "optax", "equinox"}
GONE = "_gone"


class Name(NamedTuple):
    """A private name, and the file below the package that uses it; ``module`` where it is imported from there."""

    file: str
    name: str
    module: str = ""


def names_of(path: Path, own: frozenset[str]) -> set[Name]:
    """What a file takes from private places of frameworks, or by a private name that is none of ours."""
    found: set[Name] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        file = str(path.relative_to(SOURCE))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in PACKAGES:
            hidden = "._" in node.module or ".src" in node.module or ".python" in node.module
            found |= {Name(file, each.name, node.module) for each in node.names if hidden or each.name[0] == "_"}
        elif isinstance(node, ast.Attribute) and not _is_pythons(node) and _is_private(node.attr, own):
            found.add(Name(file, node.attr))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_private(node.value, own):
            found.add(Name(file, node.value))
    return found


def _is_private(name: str, own: frozenset[str]) -> bool:
    return name.startswith("_") and not name.startswith("__") and name.isidentifier() and name not in own


def _is_pythons(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "sys"


def own_names() -> frozenset[str]:
    """The names that whygrad gives to things of its own."""
    found: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found.add(node.name)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found.add(node.attr)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
    return frozenset(found)


class Without(ast.NodeTransformer):
    """Asks for another name in the place of one."""

    def __init__(self, missing: Name) -> None:
        self.missing = missing

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if not self.missing.module and node.attr == self.missing.name and isinstance(node.ctx, ast.Load):
            node.attr += GONE
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if not self.missing.module and node.value == self.missing.name:
            node.value = self.missing.name + GONE
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        for each in node.names if node.module == self.missing.module else ():
            if each.name == self.missing.name:
                each.name, each.asname = each.name + GONE, each.asname or each.name
        return node


class Loader(SourceFileLoader):
    """Reads a file of ours without a name."""

    def __init__(self, fullname: str, path: str, missing: Name) -> None:
        super().__init__(fullname, path)
        self.missing = missing

    def get_code(self, fullname: str) -> CodeType:
        tree = Without(self.missing).visit(ast.parse(Path(self.path).read_text("utf-8")))
        code: CodeType = compile(ast.fix_missing_locations(tree), self.path, "exec")
        return code


class Finder(MetaPathFinder):
    """Finds the one file with that loader."""

    def __init__(self, missing: Name) -> None:
        self.missing = missing

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        file = SOURCE / self.missing.file
        whole = file.parent if file.name == "__init__.py" else file.with_suffix("")
        if fullname != ".".join(("whygrad", *whole.relative_to(SOURCE).parts)):
            return None
        folders = [str(whole)] if whole is file.parent else None
        loader = Loader(fullname, str(file), self.missing)
        return importlib.util.spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=folders)


def run(framework: str) -> tuple[bool, list[str], list[str]]:
    """Whether the program gives under whygrad what it gives without, the notes, and the causes that are found."""
    from whygrad.session import Session

    warnings.simplefilter("ignore")
    spec = importlib.util.spec_from_file_location("faulty", TESTS / "recorders" / framework / "test_faults.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    plain = module.program()
    session = Session(["program.py"], 10, lambda finding: None)
    session.start()
    guided = module.program()
    report = session.close(0, None)
    return guided == plain, list(report.notes), [finding.cause for finding in report.findings]


def forked(framework: str, missing: Name | None) -> Any:
    """What ``run`` gives in a child, or the error that reached the program."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if missing is not None:
                sys.meta_path.insert(0, Finder(missing))
            said: Any = run(framework)
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writing, json.dumps(said).encode()[:60_000])
        os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as stream:
        said = json.load(stream)
    os.waitpid(child, 0)
    return said


def main(framework: str) -> None:
    """Print a line for each name: what is wrong with it, or nothing."""
    own = own_names()
    files = [*(SOURCE / "recorders").glob("*.py"), *(SOURCE / "recorders" / framework).glob("*.py")]
    names = sorted({name for path in files for name in names_of(path, own)})
    for module in FRAMEWORKS[framework]:
        importlib.import_module(module)
    same, notes, causes = forked(framework, None)
    assert same
    assert not notes
    for name in names:
        said = forked(framework, name)
        silent_and_right = said == [True, [], causes]
        told = said[0] is True and len(said[1]) == 1 and set(said[2]) <= set(causes)
        print(json.dumps([*name, None if silent_and_right or told else said]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
