"""Child processes on chosen processors, and what they used."""

import json
import os
import subprocess
import sys
import time

# Linux carries the peak memory of a parent over to the child it starts, so a process is not started from here, where NumPy is
# loaded, but from a Python that has loaded nothing. Its own few megabytes are the least that can be measured.
LAUNCHER = """
import json, os, sys, time
began = time.perf_counter()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
took = time.perf_counter() - began
print(json.dumps({"seconds": took, "bytes": usage.ru_maxrss * 1024, "code": os.waitstatus_to_exitcode(status)}), file=sys.stderr)
"""


def on_processors(threads):
    """For `preexec_fn`: the first so many of the processors this process may use. A system that would start more threads
    than it is asked to gains nothing by it."""
    chosen = sorted(os.sched_getaffinity(0))[:threads]
    return lambda: os.sched_setaffinity(0, chosen)


def environment(threads):
    limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    # XLA reads the number of processors; with one it must also not share a product between threads.
    xla = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"} if threads == 1 else {}
    return os.environ | limits | xla


def run(command, threads):
    """-> the standard output of a command and the seconds it took."""
    began = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(threads),
                          preexec_fn=on_processors(threads))
    took = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stderr}")
    return done.stdout, took


def used(command, threads):
    """-> seconds and peak bytes of a command, as a process of its own."""
    launcher = [sys.executable, "-I", "-S", "-c", LAUNCHER, *map(str, command)]
    done = subprocess.run(launcher, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment(threads),
                          preexec_fn=on_processors(threads))
    facts = json.loads(done.stderr.strip().splitlines()[-1])
    if facts["code"]:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stderr}")
    return facts["seconds"], facts["bytes"]
