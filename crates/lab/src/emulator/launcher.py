"""Runs an emulator's module, and takes it and its functions down with the lab.

Standard input is a pipe whose other end only the lab holds, so it ends when the lab does, however it dies. That needs no
polling, and unlike PR_SET_PDEATHSIG it is not tied to the thread that spawned us.

Arguments: the module, then folders to import from.
"""

import os
import runpy
import shutil
import signal
import sys
import threading
import warnings


def follow():
    while os.read(0, 1):
        pass
    shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


threading.Thread(target=follow, daemon=True).start()
_, module, *folders = sys.argv
sys.argv = [module]
sys.path[:0] = folders
if folders and not hasattr(warnings, "deprecated"):
    # LocalStack decorates a class with it, which Python has since 3.13.
    warnings.deprecated = lambda _message: lambda it: it
runpy.run_module(module, run_name="__main__", alter_sys=True)
