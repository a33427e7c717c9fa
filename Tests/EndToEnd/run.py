"""Runs the end-to-end tests, each module in a process of its own and two of them at a time.

    run.py LOGS [PATTERN]       what each module says goes to LOGS/<module>.txt

Most of a test's time is waiting for processes to start and to end, so that one module leaves most of two processors
idle. The longest come first, and then the largest files, so that the last to end is a short one. Prints a line for each
module, with its seconds, then the failures' names, and at last `Ran N tests`. Exit code 1 if a test failed, was
skipped, or if a module ran none.
"""

import concurrent.futures
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
AT_A_TIME = 2
# What drives whole suites through every route: a third of all the time.
LONGEST = {"test_conformance", "test_everything"}


class Outcome:
    """What became of a module, read from what it said."""

    def __init__(self, module, code, text, seconds):
        count = re.search(r"^Ran (\d+) tests?", text, re.M)
        self.module, self.seconds = module, seconds
        self.count = int(count[1]) if count else 0
        self.failures = re.findall(r"^(?:FAIL|ERROR): .*", text, re.M)
        if re.search(r"^(?:OK|FAILED) \(.*skipped=", text, re.M):
            self.failures.append(f"SKIPPED: some of {module}")
        if not self.count:
            self.failures.append(f"ERROR: {module} ran no test")
        if code and not self.failures:
            self.failures.append(f"ERROR: {module} ended with code {code}")


def run(file, logs):
    started = time.monotonic()
    log = logs / f"{file.stem}.txt"
    with log.open("wb") as out:
        code = subprocess.call([sys.executable, "-m", "unittest", "-v", file.stem], cwd=HERE, stdin=subprocess.DEVNULL,
                               stdout=out, stderr=subprocess.STDOUT)
    outcome = Outcome(file.stem, code, log.read_text(errors="replace"), time.monotonic() - started)
    verdict = "FAILED" if outcome.failures else "ok"
    print(f"{verdict:6} {outcome.module:28} {outcome.count:4} tests {outcome.seconds:6.1f} s", flush=True)
    return outcome


def main(logs, pattern="test_*.py"):
    logs = pathlib.Path(logs).resolve()
    logs.mkdir(parents=True, exist_ok=True)
    files = sorted(HERE.glob(pattern), key=lambda file: (file.stem in LONGEST, file.stat().st_size), reverse=True)
    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
        outcomes = list(pool.map(lambda file: run(file, logs), files))
    failures = [f"{failure} (see {logs.name}/{outcome.module}.txt)" for outcome in outcomes for failure in outcome.failures]
    print(*failures, sep="\n", end="\n" if failures else "")
    print(f"Ran {sum(outcome.count for outcome in outcomes)} tests")
    return 1 if failures or not files else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
