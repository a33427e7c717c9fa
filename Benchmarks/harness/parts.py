"""Single parts, measured by the Swift program of this package."""
import subprocess

from .processes import BENCHMARKS, Unmeasurable


def measure(results):
    built = subprocess.run(["swift", "build", "-c", "release", "--package-path", BENCHMARKS], capture_output=True, text=True)
    if built.returncode:
        raise Unmeasurable("the Swift part does not build:\n" + (built.stdout + built.stderr)[-1500:])
    done = subprocess.run([BENCHMARKS + "/.build/release/measure"], capture_output=True, text=True)
    for line in done.stdout.splitlines():
        name, value = line.split()
        results[name] = float(value)
    if done.returncode:
        raise Unmeasurable("the Swift part ended early: " + done.stderr[-1500:])
