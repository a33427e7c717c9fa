"""Masks: the studio through the gateway against Python's MediaPipe, in turns on the same pictures of three sizes; how many
two clients get in a second, what memory the largest take, and how soon a fresh studio gives its first mask."""
import json
import os
import shutil
import statistics
import subprocess
import threading
import time

from . import mcp
from .processes import (
    BENCHMARKS, OUT, ROOT, SHARED, Process, Serve, Unmeasurable, cpu_seconds, grant_token, program, sluice)

MODELS = {"mesh": "runware:35@8", "face_full": "runware:35@6", "face_short": "runware:35@7", "hands": "runware:35@3",
          "people": "runware:35@4"}
ROUNDS = {512: 40, 1024: 20, 4096: 6}
FIRST = "runware:35@8"
PYTHON = os.path.join(ROOT, ".venv-judge", "bin", "python")
TWIN = os.path.join(BENCHMARKS, "harness", "mediapipe_twin.py")


class Twin(Process):
    """`mediapipe_twin.py`: one line in, one picture masked, its seconds out."""

    def __init__(self):
        self.log = os.path.join(OUT, "mediapipe.log")
        self.errors = open(self.log, "wb")
        self.child = subprocess.Popen(
            [PYTHON, TWIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, start_new_session=True)
        self.pid = self.child.pid

    def mask(self, kind, path):
        self.child.stdin.write(f"{kind} {path}\n".encode())
        self.child.stdin.flush()
        seconds, share = self.line(120).split()
        return float(seconds), float(share)


def pictures():
    """By size, a picture with a face and one with a hand."""
    if not os.path.exists(PYTHON):
        raise Unmeasurable(f"{PYTHON} does not exist; run scripts/setup --bench")
    found = {}
    for side in ROUNDS:
        for name in ["astronaut", "hand"]:
            target = os.path.join(OUT, f"{name}-{side}.jpg")
            if not os.path.exists(target):
                source = os.path.join(SHARED, "data", "images", f"{name}.png")
                subprocess.run([PYTHON, TWIN, "--scale", str(side), source, target], check=True, capture_output=True)
            found[side, name] = target
    return found


def studio_command(folder):
    return [program("sluice-studio"), "--http", "127.0.0.1:0", "--data-dir", folder, "--allow-root", OUT, "--models",
            os.path.join(ROOT, "vendor")]


def measure(results, data):
    files = pictures()
    policy = os.path.join(OUT, "studio.policy.json")
    with open(policy, "w") as file:
        json.dump({"version": "1", "default": "allow"}, file)
    with Process(studio_command(os.path.join(data, "studio")), "studio.log") as studio:
        sluice("server", "add", "studio", "--url", studio.ready()["mcp"], "--allow-private", data=data)
        sluice("policy", "put", "studio", policy, "--server", "studio", data=data)
        token = grant_token(sluice(
            "grant", "create", "--server", "studio", "--policy", "studio", "--label", "studio", data=data))
        with Serve(data) as serve, Twin() as twin:
            session = mcp.Session(serve.port, "/mcp/studio", token)
            images = {key: find(session.call("imageUpload", {"file_path": path}), "imageUUID")
                      for key, path in files.items()}
            for side in ROUNDS:
                for kind in MODELS:
                    key = (side, "hand" if kind == "hands" else "astronaut")
                    measure_model(results, session, twin, images[key], files[key], kind, side, [studio.pid, serve.pid])
                results[f"studio_peak_{side}_mib"] = peak_kib(studio.pid) / 1024
            results["mask_mesh_2_clients_per_s"] = rate(
                [mcp.Session(serve.port, "/mcp/studio", token) for _ in range(2)], images[512, "astronaut"])
    measure_start(results, os.path.join(data, "studio-start"), files[512, "astronaut"])


def measure_model(results, session, twin, image, path, kind, side, pids):
    ours, theirs, ours_cpu, theirs_cpu = [], [], [], []
    arguments = {"inputImage": image, "model": MODELS[kind], "maskPadding": 0, "maskBlur": 0, "outputFormat": "JPG"}
    for number in range(ROUNDS[side] + 2):
        before = sum(map(cpu_seconds, pids))
        began = time.perf_counter()
        answer = session.call("imageMasking", arguments)
        taken = time.perf_counter() - began
        spent, before = sum(map(cpu_seconds, pids)) - before, cpu_seconds(twin.pid)
        other, share = twin.mask(kind, path)
        if number >= 2:
            ours.append(taken)
            theirs.append(other)
            ours_cpu.append(spent)
            theirs_cpu.append(cpu_seconds(twin.pid) - before)
    coverage = find(answer, "coverage")
    if not share or coverage is None or not 0.5 < coverage / share < 2:
        raise Unmeasurable(f"{kind} at {side}: {coverage} of the picture is masked, by MediaPipe {share}")
    ours, theirs = statistics.median(ours), statistics.median(theirs)
    # The smallest size keeps the names that it always had.
    name = kind if side == 512 else f"{kind}_{side}"
    results[f"mask_{name}_ms"], results[f"mediapipe_{name}_ms"] = ours * 1000, theirs * 1000
    results[f"mask_{name}_vs_mediapipe_ratio"] = ours / theirs
    results[f"mask_{name}_cpu_vs_mediapipe_ratio"] = statistics.median(ours_cpu) / statistics.median(theirs_cpu)


def rate(sessions, image, seconds=4):
    """Masks a second that clients get together."""
    counts, end = [0] * len(sessions), time.perf_counter() + seconds

    def work(number):
        while time.perf_counter() < end:
            sessions[number].call("imageMasking", {"inputImage": image, "model": FIRST})
            counts[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(sessions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


def measure_start(results, folder, picture):
    """From the start of the program to its first mask, and what of it is the loading of library and models: the first mask
    less the third. With no model compiled yet, and as at every later start."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in ["studio_first", "studio"]:
        began = time.perf_counter()
        command = [word for word in studio_command(folder) if word not in ("--http", "127.0.0.1:0")]
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        ask(child, 1, "initialize", {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}})
        spent = []
        for number in range(2, 5):
            asked = time.perf_counter()
            answer = ask(child, number, "tools/call", {
                "name": "imageMasking", "arguments": {"inputImage": picture, "model": FIRST}})
            spent.append(time.perf_counter() - asked)
            results.setdefault(f"{name}_start_ms", (time.perf_counter() - began) * 1000)
        results[f"{name}_load_ms"] = (spent[0] - spent[2]) * 1000
        child.stdin.close()
        child.wait(20)
        child.stdout.close()
        if find(answer, "coverage") is None:
            raise Unmeasurable(f"the first mask failed: {json.dumps(answer)[:300]}")


def ask(child, number, method, params):
    """A request over a pipe, and its answer."""
    child.stdin.write(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode() + b"\n")
    child.stdin.flush()
    return next((found for found in map(json.loads, child.stdout) if found.get("id") == number), {})


def peak_kib(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))


def find(value, name):
    """The first member of that name, wherever it stands."""
    if isinstance(value, dict):
        if name in value:
            return value[name]
        value = list(value.values())
    for inner in value if isinstance(value, list) else []:
        found = find(inner, name)
        if found is not None:
            return found
    return None
