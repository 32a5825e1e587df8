"""``python -m whygrad``."""

import sys

if not sys.flags.safe_path:
    # ``-m`` looks for modules in the working directory first, where a click.py of the user would be taken for ours.
    sys.path[0] = sys.prefix

from whygrad.cli import main

if __name__ == "__main__":
    sys.exit(main())
