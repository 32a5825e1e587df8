"""How a script ends, and the one moment at which the report is made.

A script ends by returning, by an exception, by ``os._exit`` or by SIGTERM. The last two leave no time for
anything else, so they are watched here, in the process that started and never in a forked child.
"""

from __future__ import annotations

import operator
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from threading import RLock, local
from typing import Any

from whygrad.recorders.patching import Patches

FOUND = 1  # findings of severity warning or error, whatever the script's own status
NO_VERDICT = 2  # the script succeeded, but there is no report to say what it did
TERMINATED = 128 + signal.SIGTERM
_SIGTERM = signal.SIGTERM.name

Handler = Callable[[int, Any], Any] | int | None
_install, _installed = signal.signal, signal.getsignal


@dataclass(frozen=True, slots=True)
class Ending:
    """How the script ended.

    Attributes:
        status: its exit status as a shell would see it.
        error: the exception it ended in, as ``Type: message``.
    """

    status: int
    error: str | None = None

    @property
    def stopped(self) -> bool:
        """Whether somebody stopped it: who does so does not want to wait for more."""
        return (self.error or "").startswith((_SIGTERM, KeyboardInterrupt.__name__))


def exit_status(own: int, found: int | None) -> int:
    """The status to exit with: ``found`` counts the findings, ``None`` where there is no report."""
    if found:
        return FOUND
    return own or (NO_VERDICT if found is None else 0)


class Closing:
    """Calls ``finish`` exactly once, however the script ends, and only in the process that made this object."""

    def __init__(self, finish: Callable[[Ending], int | None]) -> None:
        self._finish = finish
        self._process = os.getpid()
        self._patches = Patches()
        self._lock = RLock()
        self._masks = local()
        self._begun = False
        self._busy = False
        self._doomed = False
        self._found: int | None = None

    def close(self, ending: Ending) -> int:
        """Make the report, unless it is made, and say with which status the process is to exit."""
        if not self._here():
            return ending.status
        with self._lock:
            if not self._begun:
                self._begun = self._busy = True
                try:
                    self._found = self._finish(ending)
                except KeyboardInterrupt:
                    pass  # whoever presses Ctrl-C now does not want to wait for a report
                finally:
                    self._busy = False
        if self._doomed:
            _die_of_sigterm()
        return exit_status(ending.status, self._found)

    def watch(self) -> None:
        """Close on ``os._exit`` and on a SIGTERM that nobody handles, from now until the process ends."""
        self._watch_exit()
        if _installed(signal.SIGTERM) is signal.SIG_DFL:
            self._watch_sigterm()
        os.register_at_fork(before=self._hold, after_in_parent=self._release, after_in_child=self._leave)

    # A SIGTERM sent to a child before it has its own handler back would be lost: it is held up until then.

    def _hold(self) -> None:
        self._masks.found = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def _release(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._masks.found)

    def _leave(self) -> None:
        self._patches.undo()
        if _installed(signal.SIGTERM) == self._on_sigterm:
            _install(signal.SIGTERM, signal.SIG_DFL)
        self._release()

    def _here(self) -> bool:
        return os.getpid() == self._process

    def _watch_exit(self) -> None:
        leave = os._exit

        @wraps(leave)
        def _exit(status: int) -> None:
            leave(self.close(Ending(operator.index(status) & 0xFF)) if self._here() else status)

        self._patches.replace(os, "_exit", _exit)

    def _watch_sigterm(self) -> None:
        """Handle SIGTERM, and show the script the default handler, so that it chains and restores as without us."""
        ours = self._on_sigterm

        def seen(handler: Handler) -> Handler:
            return signal.SIG_DFL if handler == ours else handler

        @wraps(_install)
        def replace(signalnum: int, handler: Any) -> Handler:
            unhandled = signalnum == signal.SIGTERM and handler == signal.SIG_DFL
            return seen(_install(signalnum, ours if unhandled else handler))

        @wraps(_installed)
        def getsignal(signalnum: int) -> Handler:
            return seen(_installed(signalnum))

        _install(signal.SIGTERM, ours)
        self._patches.replace(signal, "signal", replace)
        self._patches.replace(signal, "getsignal", getsignal)

    def _on_sigterm(self, _signalnum: int, _frame: Any) -> None:
        if self._busy and not self._doomed:
            self._doomed = True  # the report under way is written first; a second signal does not wait
            return
        if not self._doomed:
            self.close(Ending(TERMINATED, _SIGTERM))
        _die_of_sigterm()


def _die_of_sigterm() -> None:
    _install(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
