"""How a file speaks of a module: ``nn`` of ``torch.nn``, where it says ``from torch import nn``."""

from __future__ import annotations

import ast

from whygrad import source


def spelled(file: str, module: str) -> str | None:
    """The expression that means a module, or a name in one, everywhere in a file.

    Args:
        module: its dotted name, such as ``torch.nn.Parameter``.

    Returns:
        ``None`` where nothing at the top of the file gives a way to speak of it.
    """
    parsed = source.tree(file)
    found = [text for node in (parsed.body if parsed is not None else ()) for text in _spellings(node, module)]
    return min(found, key=len, default=None)


def _spellings(node: ast.stmt, module: str) -> list[str]:
    """What an import statement makes of a module's name, each without what is shadowed."""
    if isinstance(node, ast.Import):
        pairs = [(alias.name if alias.asname else alias.name.partition(".")[0], alias) for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and not node.level:
        pairs = [(f"{node.module}.{alias.name}", alias) for alias in node.names]
    else:
        return []
    return [
        (alias.asname or name.rpartition(".")[2]) + module[len(name) :]
        for name, alias in pairs
        if module == name or module.startswith(f"{name}.")
    ]
