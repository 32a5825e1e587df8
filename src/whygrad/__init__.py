"""whygrad: which parameters get no gradient, why, where, and what to change."""

__all__ = ["__version__"]

__version__ = "0.1.0"
