"""A program that runs another through ``whygrad.run``: ``driver.py -m|"" NAME ARGUMENTS...``.

The environment says where to log each call of ``finish`` (LOG) and how many findings it returns (FOUND).
"""

import json
import os
import sys

from whygrad.ending import Ending
from whygrad.run import run
from whygrad.target import locate


def finish(ending: Ending) -> int:
    with open(os.environ["LOG"], "a") as log:
        print(json.dumps([ending.status, ending.error]), file=log)
    return int(os.environ["FOUND"])


if __name__ == "__main__":
    module, name, *arguments = sys.argv[1:]
    sys.exit(run(locate(name, arguments, module=module == "-m"), finish))
