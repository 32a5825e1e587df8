"""The errors that whygrad raises on purpose.

WhygradError                what the command line turns into one message and exit status 2
├── UsageError              whygrad was called wrongly (a script that does not exist, an unknown cause)
├── ReportError             a report file could not be written or read
└── LawBroken               a Graph that breaks a law of ``spec``: a defect of a recorder
"""

from __future__ import annotations


class WhygradError(Exception):
    """Base of the errors raised on purpose: names the thing, what was found, what to do."""


class UsageError(WhygradError):
    """whygrad was called wrongly."""


class ReportError(WhygradError):
    """A report file could not be written or read."""


class LawBroken(WhygradError):
    """A Graph breaks a law of ``spec``."""
