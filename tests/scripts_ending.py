"""The ways in which scripts end: each is as under plain python."""

from __future__ import annotations

# name: (source, the status that finish is told, what it is told the error was)
ENDING: dict[str, tuple[str, int, str | None]] = {
    "exit number": ("import sys; print('out'); sys.exit(3)", 3, None),
    "exit message": ("import sys; sys.exit('sørry')", 1, "SystemExit: sørry"),
    "exit none": ("raise SystemExit", 0, None),
    "exit true": ("import sys; sys.exit(True)", 1, None),
    "exit beyond a byte": ("import sys; sys.exit(-1)", 255, None),
    "exit tuple": ("raise SystemExit(1, 2)", 1, "SystemExit: (1, 2)"),
    "exit in finally": ("try:\n    1/0\nfinally:\n    raise SystemExit(4)", 4, None),
    "exception": (
        """
        import sys
        print("to stdout")
        print("to stderr", file=sys.stderr)
        def f(x):
            return x / 0
        f(1)
        """,
        1,
        "ZeroDivisionError: division by zero",
    ),
    "exception chain": (
        """
        def f():
            try:
                {}["a"]
            except KeyError as error:
                raise ValueError("second") from error
        try:
            f()
        finally:
            raise RuntimeError("third")
        """,
        1,
        "RuntimeError: third",
    ),
    "exception group": (
        """
        def fail(n):
            raise ValueError(n)
        def caught(n):
            try:
                fail(n)
            except ValueError as error:
                return error
        raise ExceptionGroup("both", [caught(1), ExceptionGroup("inner", [caught(2)])])
        """,
        1,
        "ExceptionGroup: both (2 sub-exceptions)",
    ),
    "exception that refuses attributes": (
        """
        class Sealed(Exception):
            def __setattr__(self, name, value):
                raise TypeError("sealed")
        raise Sealed("x")
        """,
        1,
        "Sealed: x",
    ),
    "exception without words": ("class Mute(Exception):\n    __str__ = None\nraise Mute", 1, "Mute"),
    "syntax error": ("print(1)\nx = (\n", 1, "SyntaxError: '(' was never closed (script.py, line 2)"),
    "excepthook": (
        "import sys\nsys.excepthook = lambda *found: print('hook', found[0], found[2].tb_lineno)\n1/0",
        1,
        "ZeroDivisionError: division by zero",
    ),
    "excepthook that exits": (
        "import sys\nsys.excepthook = lambda *_: sys.exit(9)\n1/0",
        9,
        None,
    ),
    "excepthook that fails": (
        "import sys\ndef hook(*_):\n    [].pop()\nsys.excepthook = hook\n1/0",
        1,
        "ZeroDivisionError: division by zero",
    ),
    "interrupt": (
        "import os, signal, time\nprint(1)\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)",
        130,
        "KeyboardInterrupt",
    ),
    "own kind of interrupt": ("class Stop(KeyboardInterrupt): pass\nraise Stop('x')", 1, "Stop: x"),
    "hard exit": ("import os\nprint('lost in the buffer')\nos._exit(5)", 5, None),
    "hard exit beyond a byte": ("import os\nos._exit(status=256 + 7)", 7, None),
    "hard exit of nothing": (
        "import os\ntry:\n    os._exit('x')\nexcept TypeError:\n    print('refused')\n",
        0,
        None,
    ),
    "hard exit from a thread": (
        "import os, threading, time\nthreading.Thread(target=os._exit, args=[3]).start()\ntime.sleep(9)",
        3,
        None,
    ),
    "hard exit from atexit": ("import atexit, os\natexit.register(os._exit, 8)\n", 0, None),
    "termination": (
        "import os, signal\nprint('lost')\nos.kill(os.getpid(), signal.SIGTERM)\nprint('never')",
        143,
        "SIGTERM",
    ),
    "termination handled": (
        """
        import os, signal, sys
        print(signal.getsignal(signal.SIGTERM))
        def stop(*_):
            print("stopped")
            sys.exit(4)
        print(signal.signal(signal.SIGTERM, stop))
        print(signal.getsignal(signal.SIGTERM) is stop)
        os.kill(os.getpid(), signal.SIGTERM)
        """,
        4,
        None,
    ),
    "termination handled for a while": (
        """
        import os, signal
        before = signal.signal(signal.SIGTERM, lambda *_: print("handled", callable(before)))
        os.kill(os.getpid(), signal.SIGTERM)
        signal.signal(signal.SIGTERM, before)
        print(signal.getsignal(signal.SIGTERM), flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
        """,
        143,
        "SIGTERM",
    ),
    "termination ignored": (
        "import os, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "os.kill(os.getpid(), signal.SIGTERM)\nprint('alive')",
        0,
        None,
    ),
    "termination of a child": (
        """
        import os, signal, time
        child = os.fork()
        if not child:
            print(signal.getsignal(signal.SIGTERM), flush=True)
            time.sleep(9)
            os._exit(0)
        time.sleep(0.2)
        os.kill(child, signal.SIGTERM)
        print(os.waitpid(child, 0)[1])
        """,
        0,
        None,
    ),
}
