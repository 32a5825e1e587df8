"""Event files for TensorBoard: records of scalars, framed and checked as TensorBoard reads them.

The packages that write such files import a framework as soon as one is installed, which a guest may not do; what is
needed of the format is small: the framing of a record, and four fields of two messages.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from whygrad.watching.health import StepHealth
from whygrad.watching.outlet import Outlet

_POLYNOMIAL = 0x82F63B78  # CRC-32C, bits reversed


def _table() -> Iterator[int]:
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
        yield byte


_TABLE = tuple(_table())


class EventFile:
    """One event file of a run.

    Args:
        folder: where it is made; TensorBoard takes each folder for a run.
    """

    def __init__(self, folder: Path) -> None:
        name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{os.getpid()}.whygrad"
        self._outlet = Outlet(folder / name)
        self._write(_event(time.time(), version="brain.Event:2"))

    def add(self, step: StepHealth) -> None:
        """Write the scalars of a look; OSError where the file takes no more."""
        self._write(_event(time.time(), step.step, scalars(step)))

    def close(self) -> None:
        """Nothing more comes."""
        self._outlet.close()

    def _write(self, event: bytes) -> None:
        head = struct.pack("<Q", len(event))
        self._outlet.write(head + _checksum(head) + event + _checksum(event))


def scalars(step: StepHealth) -> dict[str, float]:
    """What TensorBoard shows of a look, by tag."""
    found: dict[str, float | None] = {f"total/gradient_norm/{step.optimizer}": step.total}
    if step.clipping is not None:
        found[f"total/gradient_norm_before_clipping/{step.optimizer}"] = step.clipping.before
    for each in step.parameters:
        found[f"gradient_norm/{each.path}"] = each.gradient
        found[f"gradient_zeros/{each.path}"] = each.zeros
        found[f"update_to_weight/{each.path}"] = each.ratio
        if each.nonfinite:
            found[f"gradient_nonfinite/{each.path}"] = float(each.nonfinite)
    return {tag: value for tag, value in found.items() if value is not None}


def _event(wall: float, step: int = 0, values: Mapping[str, float] | None = None, version: str = "") -> bytes:
    """``Event{wall_time = 1, step = 2, file_version = 3, summary = 5}``."""
    event = b"\x09" + struct.pack("<d", wall) + b"\x10" + _varint(step)
    if version:
        event += b"\x1a" + _sized(version.encode())
    if values is not None:
        event += b"\x2a" + _sized(b"".join(b"\x0a" + _sized(_scalar(*each)) for each in values.items()))
    return event


def _scalar(tag: str, value: float) -> bytes:
    """``Summary.Value{tag = 1, simple_value = 2}``."""
    return b"\x0a" + _sized(tag.encode(errors="backslashreplace")) + b"\x15" + struct.pack("<f", _single(value))


def _single(value: float) -> float:
    """Beyond single precision it is infinite there."""
    return value if abs(value) < 3.4e38 else float("inf") if value > 0 else -float("inf")


def _sized(content: bytes) -> bytes:
    return _varint(len(content)) + content


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def _checksum(content: bytes) -> bytes:
    """A masked CRC-32C, little-endian."""
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in content:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
