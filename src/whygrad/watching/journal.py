"""The JSON Lines file of a run, schema ``whygrad-watch/1``: one object a line, each with a ``kind``.

``run`` comes first, a ``step`` for every look, and a ``verdict`` last if the script came to its end. A number that is
not known or not finite is ``null``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from whygrad.watching.health import ParameterHealth, StepHealth
from whygrad.watching.judgement import Remark
from whygrad.watching.outlet import Outlet

SCHEMA = "whygrad-watch/1"


class Journal:
    """The file ``health.jsonl`` in a folder."""

    def __init__(self, folder: Path, argv: Sequence[str], time: float) -> None:
        self._outlet = Outlet(folder / "health.jsonl")
        self._write({"kind": "run", "schema": SCHEMA, "argv": list(argv), "time": time})

    def add(self, step: StepHealth) -> None:
        """Write a look; OSError where the file takes no more."""
        clipping = step.clipping
        self._write(
            {
                "kind": "step",
                "optimizer": step.optimizer,
                "step": step.step,
                "seconds": _number(step.seconds),
                "gradient_norm": _number(step.total),
                "clipping": clipping
                and {
                    "how": clipping.how,
                    "bound": _number(clipping.bound),
                    "norm_before": _number(clipping.before),
                    "norm_after": _number(clipping.after),
                    "acts": clipping.acts,
                },
                "loss_scale": _number(step.scale),
                "blind": step.blind or None,
                "parameters": [_parameter(each) for each in step.parameters],
            }
        )

    def conclude(self, steps: Mapping[str, int], remarks: Sequence[Remark]) -> None:
        """Write the last line; ``steps``: how many each optimizer made."""
        said = [
            {
                "remark": each.kind,
                "warning": each.warns,
                "cause": each.cause or None,
                "optimizer": each.optimizer,
                "text": each.text,
                "parameters": list(each.paths),
                "where": each.where and {"file": each.where.file, "line": each.where.line},
            }
            for each in remarks
        ]
        self._write({"kind": "verdict", "steps": dict(steps), "remarks": said})
        self._outlet.close()

    def _write(self, record: dict[str, Any]) -> None:
        self._outlet.write(json.dumps(record, allow_nan=False, separators=(",", ":")).encode() + b"\n")


def _parameter(each: ParameterHealth) -> dict[str, Any]:
    return {
        "path": each.path,
        "gradient": _seen(each),
        "gradient_norm": _number(each.gradient),
        "norm_before_clipping": _number(each.before),
        "zeros": _number(each.zeros),
        "nonfinite": each.nonfinite,
        "weight_norm": _number(each.weight),
        "update_norm": _number(each.update),
        "update_to_weight": _number(each.ratio),
        "sampled": each.sampled,
    }


def _seen(each: ParameterHealth) -> str | None:
    """In the words of the JSON report; ``None`` where the gradient was not to be seen."""
    if each.absent:
        return "none"
    if each.nonfinite:
        return "nonfinite"
    return None if each.zeros is None else "zero" if each.zeros == 1 else "present"


def _number(value: float | None) -> float | None:
    """Seven digits, which is what single precision has."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.7g}")
