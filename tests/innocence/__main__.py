"""``python -m innocence [NAME ...]``: the zoo, or what begins with a name; exits with 1 if anything is changed."""

from __future__ import annotations

import sys

from innocence.comparing import MOST_MEMORY, Compared, compared, programs

# Models of the transformers package, by their names in ``recorders/torch/transformers_zoo.py``.
FAMILIES = "BertModel GPT2LMHeadModel T5ForConditionalGeneration ViTModel WhisperForConditionalGeneration".split()
ARCHITECTURES = "torch_transformers"


def main(names: list[str]) -> int:
    """Run, print a line for each, and count."""
    wrong = 0
    for program in programs():
        if names and not program.stem.startswith(tuple(names)):
            continue
        for arguments in [(one,) for one in FAMILIES] if program.stem == ARCHITECTURES else [()]:
            result = compared(program, *arguments)
            wrong += bool(result.differences) or result.memory > MOST_MEMORY
            print(line(result), flush=True)
    print(f"{wrong} changed")
    return int(wrong > 0)


def line(result: Compared) -> str:
    """What there is to say of one program."""
    found = f", found: {' '.join(result.findings)}" if result.findings else ""
    return f"{result.name}: {'; '.join(result.differences) or 'the same'}, peak memory {result.memory:.3f}{found}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
