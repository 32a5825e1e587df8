"""An ear on the TensorFlow recorder, and two CPUs for TensorFlow to distribute over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hearing import Ear, heard


@pytest.fixture(scope="session", autouse=True)
def two_cpus() -> None:
    """TensorFlow must be told before its first operation."""
    import tensorflow as tf

    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)


@pytest.fixture
def ear() -> Iterator[Ear]:
    import tensorflow as tf

    from whygrad.recorders.tensorflow import TensorFlow

    _ = tf.keras.layers.Layer  # Keras is loaded lazily
    yield from heard(TensorFlow())
