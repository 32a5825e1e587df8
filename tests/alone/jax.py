"""In place of JAX for programs that do not use it: TensorFlow imports it where it can, which takes seconds."""

raise ImportError("as where JAX is not installed")
