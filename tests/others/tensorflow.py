"""In place of TensorFlow for programs that do not use it: Keras imports it where it can, which takes seconds."""

raise ImportError("as where TensorFlow is not installed")
