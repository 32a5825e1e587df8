"""The event files, read back by TensorFlow's own reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from looks import look, parameter
from whygrad.watching import events
from whygrad.watching.events import EventFile, scalars
from whygrad.watching.health import Clipping


def test_the_checksum_is_the_published_one() -> None:
    crc = 0xE3069283  # of "123456789"
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    assert events._checksum(b"123456789") == masked.to_bytes(4, "little")


def test_what_is_not_known_is_left_out() -> None:
    found = scalars(look(3, parameter("a", None, zeros=None, weight=0.0, nonfinite=2)))
    assert found == {"gradient_nonfinite/a": 2.0}


@pytest.mark.tensorflow
def test_tensorboard_reads_what_was_written(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    clipping = Clipping("total", 1.0, 1e200, 1.0)
    file = EventFile(tmp_path)
    for step in (1, 300, 70_000):
        file.add(
            look(step, parameter("net.0.weight", step / 2), parameter("b" * 200 + "\udc80", 1e-30), clipping=clipping)
        )
    file.close()
    (path,) = tmp_path.iterdir()
    read = list(tf.compat.v1.train.summary_iterator(str(path)))
    assert read[0].file_version == "brain.Event:2"
    assert [event.step for event in read[1:]] == [1, 300, 70_000]
    values = {value.tag: value.simple_value for value in read[2].summary.value}
    assert values["gradient_norm/net.0.weight"] == 150
    assert values["gradient_norm/" + "b" * 200 + r"\udc80"] == pytest.approx(1e-30)
    assert values["update_to_weight/net.0.weight"] == pytest.approx(0.01)
    assert values["total/gradient_norm_before_clipping/SGD"] == float("inf")
