"""What scripts do while they live, and with what they started: it is as under plain python."""

from __future__ import annotations

# Modules beside a script, under names that we use as well.
BESIDE = {
    "beside.py": "print('beside', __name__)\n",
    "click.py": "mine = 1\n",
    "json.py": "mine = 2\n",
    "rich.py": "mine = 3\n",
    "difflib/__init__.py": "mine = 4\n",
}
# name: (source, the status that finish is told, what it is told the error was)
LIVING: dict[str, tuple[str, int, str | None]] = {
    "world": (
        """
        '''Its docstring.'''
        import os, sys
        with_address = ("__spec__", "__loader__", "__builtins__")
        shown = {name: value for name, value in globals().items() if name not in with_address}
        print(shown, type(__loader__), type(__builtins__), type(__spec__), list(globals()))
        print(sys.argv, sys.path[0], sys.flags, sys.getrecursionlimit(), sys.warnoptions, os.getcwd())
        print(sys.modules["__main__"].__dict__ is globals(), __name__ == "__main__")
        import locale, signal, warnings
        print(warnings.filters, locale.getlocale(), [signal.getsignal(n) for n in signal.valid_signals()])
        print(sys.stdout.encoding, sys.stderr.errors, sys.stdin.fileno(), sys.excepthook is sys.__excepthook__)
        """,
        0,
        None,
    ),
    "import of what is not there": (
        "import whygrad_is_no_parent.child",
        1,
        "ModuleNotFoundError: No module named 'whygrad_is_no_parent'",
    ),
    "atexit": (
        """
        import atexit, sys
        @atexit.register
        def last():
            print("last", __name__, value, sys.modules["__main__"].value, sys.last_value)
            open("unclosed").read()
        value = 7
        kept = open("unclosed", "w")
        kept.write("buffered")
        print("main")
        1/0
        """,
        1,
        "ZeroDivisionError: division by zero",
    ),
    "files closed by nobody": (
        """
        import atexit
        class Late:
            def __del__(self):
                print("deleted")
        late = Late()
        atexit.register(print, "atexit")
        """,
        0,
        None,
    ),
    "threads that outlive main": (
        """
        import atexit, threading, time
        from concurrent.futures import ThreadPoolExecutor
        def work(name):
            time.sleep(0.1)
            print(name)
        pool = ThreadPoolExecutor(1)
        pool.submit(work, "pooled")
        threading.Thread(target=lambda: (time.sleep(0.1), work("thread"))).start()
        atexit.register(print, "atexit")
        print("main is done")
        """,
        0,
        None,
    ),
    "thread that fails": (
        "import threading\nt = threading.Thread(target=lambda: 1/0)\nt.start()\nt.join()\nprint(2)",
        0,
        None,
    ),
    "pickle of main": (
        """
        import pickle
        class Point:
            def __init__(self, x): self.x = x
        print(pickle.dumps(Point(1)))
        print(pickle.loads(pickle.dumps(Point(3))).x, Point.__module__)
        """,
        0,
        None,
    ),
    **{
        f"multiprocessing {method}": (
            f"""
            import multiprocessing, os, sys, time
            class Weight:
                def __init__(self, x): self.x = x
            def double(weight):
                return Weight(2 * weight.x)
            print("seen by", __name__, flush=True)
            if __name__ == "__main__":
                context = multiprocessing.get_context("{method}")
                with context.Pool(1) as pool:
                    print([each.x for each in pool.map(double, [Weight(1), Weight(2)])])
                child = context.Process(target=sys.exit, args=[5])
                child.start()
                child.join()
                print(child.exitcode)
                child = context.Process(target=time.sleep, args=[9])
                sys.stdout.flush()
                child.start()
                child.terminate()
                child.join()
                print(child.exitcode)
            """,
            0,
            None,
        )
        for method in ("fork", "spawn", "forkserver")
    },
    "child that falls off the end": (
        """
        import os, sys
        print("before", flush=True)
        if os.fork():
            print(os.wait()[1])
        else:
            print("child")
            sys.exit(6)
        """,
        0,
        None,
    ),
    "child that fails": (
        """
        import os
        if os.fork():
            print(os.wait()[1])
        else:
            1/0
        """,
        0,
        None,
    ),
    "change of directory": (
        "import os\nos.chdir('/')\nprint(__file__, os.getcwd())\nimport beside\n1/0",
        1,
        "ZeroDivisionError: division by zero",
    ),
    "names taken from us": (
        """
        import click, json, rich, difflib, traceback
        print(click.mine, json.mine, rich.mine, difflib.mine)
        try:
            import rich.text
        except ImportError as error:
            print(error)
        traceback.print_stack(limit=1)
        """,
        0,
        None,
    ),
    "warnings": (
        "import warnings\nwarnings.warn('old', DeprecationWarning)\nwarnings.warn('mind')\n'\\d'\n",
        0,
        None,
    ),
    "tracebacks of its own": (
        """
        import inspect, linecache, logging, traceback, warnings
        def f():
            return 1 / 0
        try:
            f()
        except ZeroDivisionError:
            traceback.print_exc()
            logging.exception("logged")
        try:
            print(inspect.getsource(f))
        except OSError as error:
            print(error)
        warnings.warn("mind")
        print(linecache.getline(__file__, 3))
        f()
        """,
        1,
        "ZeroDivisionError: division by zero",
    ),
    "nothing": ("", 0, None),
}
