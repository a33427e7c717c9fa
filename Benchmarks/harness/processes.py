"""Programs under measurement: starting, watching and ending them."""
import json
import os
import select
import signal
import socket
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BENCHMARKS = os.path.join(ROOT, "Benchmarks")
OUT = os.path.join(BENCHMARKS, "out")
BIN = os.environ.get("SLUICE_BIN", os.path.join(ROOT, ".build", "release"))
SHARED = os.environ.get("SLUICE_SHARED", os.path.join(os.path.dirname(ROOT), "shared"))


class Unmeasurable(Exception):
    """A number can't be had on this machine, and why."""


def program(name):
    path = os.path.join(BIN, name)
    if not os.path.exists(path):
        raise Unmeasurable(f"{path} does not exist; run make build")
    return path


def compiled(name, *libraries):
    """A program of wire/ (C, or C++ when its name ends so), compiled when it is older than its source or their header."""
    name, extension = os.path.splitext(name)
    source = os.path.join(BENCHMARKS, "wire", name + (extension or ".c"))
    binary = os.path.join(OUT, name)
    newest = max(map(os.path.getmtime, [source, os.path.join(BENCHMARKS, "wire", "wire.h")]))
    if not os.path.exists(binary) or os.path.getmtime(binary) < newest:
        compiler = "c++" if extension else "cc"
        done = subprocess.run([compiler, "-O2", "-o", binary, source, *libraries], capture_output=True, text=True)
        if done.returncode:
            raise Unmeasurable(f"{source} does not compile: {done.stderr[-1000:]}")
    return binary


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Process:
    """A child that is ended with its whole group when the `with` block is left."""

    def __init__(self, command, log, **options):
        self.log = os.path.join(OUT, log)
        self.errors = open(self.log, "wb")
        self.started = time.monotonic()
        self.child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors, start_new_session=True,
            **options)
        self.pid = self.child.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for how in (signal.SIGTERM, signal.SIGKILL):
            if self.child.poll() is not None:
                break
            os.killpg(self.pid, how)
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                continue
        self.child.stdout.close()
        self.errors.close()

    def line(self, seconds=20):
        """The next line of its standard output."""
        ready, _, _ = select.select([self.child.stdout], [], [], seconds)
        line = self.child.stdout.readline() if ready else b""
        if not line:
            with open(self.log, "rb") as file:
                tail = file.read()[-2000:].decode("utf-8", "replace")
            raise Unmeasurable(f"{self.child.args[0]} is not ready; its last words: {tail}")
        return line.decode()

    def ready(self):
        """The event that sluice and sluice-studio print when they serve."""
        return json.loads(self.line())


def cpu_seconds(pid):
    """User and system time of a process, all threads, to the nanosecond."""
    return time.clock_gettime((~pid << 3) | 2)  # the clock id of another process, clock_getcpuclockid(3)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


def memory_kib(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def sluice(*arguments, data, text_in=None):
    """Runs a subcommand of sluice; its output as JSON."""
    command = [program("sluice"), *arguments[:2], "--data-dir", data, "--json", *arguments[2:]]
    done = subprocess.run(command, input=text_in, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unmeasurable(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip() or done.stdout}")
    return json.loads(done.stdout) if done.stdout.strip() else None


def grant_token(created):
    """The token in what `grant create --json` printed."""
    if isinstance(created, dict):
        for value in created.values():
            found = grant_token(value)
            if found:
                return found
    return created if isinstance(created, str) and created.startswith("slg_") else None


def serve_command(data, port=0, *more):
    """The command line of a gateway that meets no other one on this machine."""
    command = [program("sluice"), "serve", "--json", "--data-dir", data, "--listen", f"127.0.0.1:{port}", *more]
    options = subprocess.run([program("sluice"), "serve", "--help"], capture_output=True, text=True).stdout
    # To try other settings: SLUICE_SERVE_OPTIONS='--loops 2' Benchmarks/run --only calls
    command += os.environ.get("SLUICE_SERVE_OPTIONS", "").split()
    return command + (["--admin-listen", "127.0.0.1:0"] if "--admin-listen" in options else [])


class Serve(Process):
    """`sluice serve` on free ports."""

    def __init__(self, data, *more, log="serve.log"):
        super().__init__(serve_command(data, 0, *more), log)

    def __enter__(self):
        try:
            self.port = int(self.ready()["listen"].rsplit(":", 1)[1])
        except BaseException:
            self.__exit__()
            raise
        return self
