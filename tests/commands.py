"""The command line of whygrad, in processes of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from launch import Done, execute

FAKES = Path(__file__).with_name("fakes.py")
SCRIPTS = {
    "healthy.py": "import sys\nprint('out', sys.argv)\n",
    "failing.py": "import sys\nsys.exit(3)\n",
    "losing.py": "import fakegrad\nfakegrad.lose('dense/kernel', 'error')\nprint('out')\n",
    "noting.py": "import fakegrad\nfakegrad.lose('dense/kernel', 'note')\n",
    "losing_and_failing.py": "import fakegrad\nfakegrad.lose('a', 'warning')\n1/0\n",
    "breaking.py": "import fakegrad\nfakegrad.breaks()\n",
    "package/__init__.py": "",
    "package/__main__.py": "import sys\nprint(sys.argv[1:])\n",
}


def whygrad(arguments: list[str], folder: Path, stdin: bytes = b"", **env: str) -> Done:
    """The command line as installed."""
    return execute([sys.executable, "-m", "whygrad", *arguments], folder, stdin, **env)


def faked(arguments: list[str], folder: Path, **env: str) -> Done:
    """The command line with the framework ``fakegrad``."""
    return execute([sys.executable, str(FAKES), *arguments], folder, **env)
