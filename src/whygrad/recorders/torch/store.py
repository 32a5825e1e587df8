"""The store that `torchrun` keeps for the processes of a job: short texts under a key."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import torch

_CONNECTING = timedelta(seconds=5)
_PAUSE = 0.05


def put(key: str, text: str) -> bool:
    """Leave a text for another process; whether that went well."""
    try:
        store = _connected()
        store.set(key, text)
    except (RuntimeError, ValueError):
        return False
    return True


def taken(keys: Sequence[str], seconds: float) -> dict[str, str]:
    """The texts under some keys, each removed from the store; those that do not come in time are left out."""
    found: dict[str, str] = {}
    end = time.monotonic() + seconds
    try:
        store = _connected()
        while True:
            for key in keys:
                if key not in found and store.check([key]):
                    found[key] = store.get(key).decode()
                    store.delete_key(key)
            if len(found) == len(keys) or time.monotonic() > end:
                return found
            time.sleep(_PAUSE)
    except (RuntimeError, ValueError):
        return found


def _connected() -> Any:
    """A connection to the launcher's store; RuntimeError where it keeps none."""
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True" or not torch.distributed.is_available():
        raise RuntimeError("the launcher keeps no store")
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    return torch.distributed.TCPStore(host, port, None, False, _CONNECTING)
