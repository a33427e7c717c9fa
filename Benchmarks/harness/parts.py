"""Single parts, measured by the Swift program of this package."""
import os
import subprocess

from . import mcp
from .processes import BENCHMARKS, OUT, ROOT, Unmeasurable, compiled

MEASURE = BENCHMARKS + "/.build/release/measure"


def build():
    built = subprocess.run(["swift", "build", "-c", "release", "--package-path", BENCHMARKS], capture_output=True, text=True)
    if built.returncode:
        raise Unmeasurable("the Swift part does not build:\n" + (built.stdout + built.stderr)[-1500:])


def measure_catalogue(results):
    """Judging, searching and writing pages, at three sizes."""
    build()
    done = subprocess.run([MEASURE, "catalogue"], capture_output=True, text=True, cwd=ROOT)
    results.update(numbers(done.stdout))
    if done.returncode:
        raise Unmeasurable("the catalogue: " + done.stderr[-1500:])


def measure(results):
    build()
    done = subprocess.run([MEASURE, "json", "decisions", "ledger"], capture_output=True, text=True)
    results.update(numbers(done.stdout))
    simdjson(results)
    if done.returncode:
        raise Unmeasurable("the Swift part ended early: " + done.stderr[-1500:])
    cedar(results)


def numbers(text):
    return {name: float(value) for name, value in (line.split() for line in text.splitlines())}


def cedar(results):
    """The same rules on the same arguments by Cedar, in turns with ours; of each number the least of three runs."""
    python = os.path.join(ROOT, ".venv-cedar", "bin", "python")
    if not os.path.exists(python):
        raise Unmeasurable(".venv-cedar does not exist; run scripts/setup --bench")
    path = os.path.join(OUT, "arguments.json")
    with open(path, "wb") as file:
        file.write(subprocess.run([MEASURE, "arguments"], capture_output=True).stdout.strip())
    for _ in range(3):
        for command in [MEASURE, "cedar"], [python, os.path.join(BENCHMARKS, "harness", "cedar_twin.py"), "20", path]:
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise Unmeasurable("the comparison with Cedar ended early: " + done.stderr[-1500:])
            for name, value in numbers(done.stdout).items():
                results[name] = min(value, results.get(name, value))
    results["decision_vs_cedar_ratio"] = results["decision_cedar_rules_us"] / results["cedar_batch_decision_us"]
    results["decision_vs_cedar_engine_ratio"] = results["decision_cedar_rules_engine_us"] / results["cedar_engine_us"]


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
