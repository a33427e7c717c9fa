"""Masking faces in a picture: the studio through the gateway against Python's MediaPipe, in turns on the same picture."""
import json
import os
import statistics
import subprocess
import time

from . import calls, mcp
from .processes import BENCHMARKS, OUT, ROOT, SHARED, Process, Serve, Unmeasurable, grant_token, program, sluice

MODELS = {"mesh": "runware:35@8", "face_full": "runware:35@6", "face_short": "runware:35@7"}
ROUNDS = 60
PYTHON = os.path.join(ROOT, ".venv-judge", "bin", "python")


class Twin(Process):
    """`mediapipe_twin.py`: one line in, one picture masked, its seconds out."""

    def __init__(self, picture):
        if not os.path.exists(PYTHON):
            raise Unmeasurable(f"{PYTHON} does not exist; run scripts/setup --bench")
        self.log = os.path.join(OUT, "mediapipe.log")
        self.errors = open(self.log, "wb")
        self.child = subprocess.Popen(
            [PYTHON, os.path.join(BENCHMARKS, "harness", "mediapipe_twin.py"), picture], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.errors, start_new_session=True)
        self.pid = self.child.pid

    def mask(self, kind):
        self.child.stdin.write(kind.encode() + b"\n")
        self.child.stdin.flush()
        seconds, share = self.line(60).split()
        return float(seconds), float(share)


def measure(results, data):
    picture = os.path.join(SHARED, "data", "images", "astronaut.png")
    policy = os.path.join(OUT, "studio.policy.json")
    with open(policy, "w") as file:
        json.dump({"version": "1", "default": "allow"}, file)
    with Process([program("sluice-studio"), "--http", "127.0.0.1:0", "--data-dir", os.path.join(data, "studio"),
                  "--allow-root", os.path.dirname(picture), "--models", os.path.join(ROOT, "vendor")], "studio.log") as studio:
        sluice("server", "add", "studio", "--url", studio.ready()["mcp"], "--allow-private", data=data)
        sluice("policy", "put", "studio", policy, "--server", "studio", data=data)
        token = grant_token(sluice(
            "grant", "create", "--server", "studio", "--policy", "studio", "--label", "studio", data=data))
        with Serve(data) as serve, Twin(picture) as twin:
            session = mcp.Session(serve.port, "/mcp/studio", token)
            image = find(session.call("imageUpload", {"file_path": picture}), "imageUUID")
            for kind, model in MODELS.items():
                measure_model(results, session, twin, image, kind, model)


def measure_model(results, session, twin, image, kind, model):
    ours, theirs = [], []
    arguments = {"inputImage": image, "model": model, "maskPadding": 0, "maskBlur": 0}
    for number in range(ROUNDS + 5):
        began = time.perf_counter()
        answer = session.call("imageMasking", arguments)
        taken = time.perf_counter() - began
        other, share = twin.mask(kind)
        if number >= 5:
            ours.append(taken)
            theirs.append(other)
    coverage = find(answer, "coverage")
    if not share or coverage is None or not 0.5 < coverage / share < 2:
        raise Unmeasurable(f"{model} masks {coverage} of the picture, MediaPipe {share}")
    ours, theirs = statistics.median(ours), statistics.median(theirs)
    results[f"mask_{kind}_ms"], results[f"mediapipe_{kind}_ms"] = ours * 1000, theirs * 1000
    results[f"mask_{kind}_vs_mediapipe_ratio"] = ours / theirs


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
