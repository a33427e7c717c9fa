"""Single parts, measured by the Swift program of this package."""
import os
import subprocess

from . import mcp
from .processes import BENCHMARKS, OUT, Unmeasurable, compiled


def measure(results):
    built = subprocess.run(["swift", "build", "-c", "release", "--package-path", BENCHMARKS], capture_output=True, text=True)
    if built.returncode:
        raise Unmeasurable("the Swift part does not build:\n" + (built.stdout + built.stderr)[-1500:])
    done = subprocess.run([BENCHMARKS + "/.build/release/measure"], capture_output=True, text=True)
    for line in done.stdout.splitlines():
        name, value = line.split()
        results[name] = float(value)
    simdjson(results)
    if done.returncode:
        raise Unmeasurable("the Swift part ended early: " + done.stderr[-1500:])


def simdjson(results):
    """The same call read by simdjson into its tree: the yardstick for `json_parse_us`."""
    path = os.path.join(OUT, "call.json")
    with open(path, "wb") as file:
        file.write(mcp.compact(mcp.CALL))
    done = subprocess.run([compiled("simdjson.cc", "-lsimdjson"), "--time", path], capture_output=True, text=True)
    if done.returncode:
        raise Unmeasurable("simdjson did not run: " + done.stderr)
    results["simdjson_parse_us"] = float(done.stdout)
    if "json_parse_us" in results:
        results["json_parse_vs_simdjson_ratio"] = results["json_parse_us"] / results["simdjson_parse_us"]
