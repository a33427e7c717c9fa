"""The program's edges: ends, signals, queues, odd inputs. Usage: see stdio_client.py. Prints one JSON object."""

import base64
import json
import os
import signal
import subprocess
import sys
import zlib


def main(program, pictures, vendor, data):
    def start(*more, models=vendor, **streams):
        arguments = ["--data-dir", data, "--allow-root", pictures, "--models", models, *more]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        return subprocess.Popen([program, *arguments], **pipes)

    def message(number, method, **params):
        return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode() + b"\n"

    hello = message(
        0, "initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo={"name": "edges", "version": "1"}
    )

    def mask(number, image="astronaut.png"):
        return message(number, "tools/call", name="imageMasking", arguments={"inputImage": image, "model": "runware:35@8"})

    def talk(process, text):
        out, errors = process.communicate(text, timeout=120)
        return [json.loads(line) for line in out.splitlines()], process.returncode, errors.decode()

    def codes(answers):
        found = [answer["result"]["structuredContent"] for answer in answers[1:]]
        return sorted(content.get("error", {}).get("code", content["status"]) for content in found)

    seen = {}

    # The client closes its side while calls are running: all are answered.
    answers, code, _ = talk(start(), hello + b"".join(mask(n) for n in range(1, 6)))
    seen["end of input"] = [codes(answers), code]

    # A signal asks to stop while calls are running: they are answered too.
    process = start()
    process.stdin.write(hello + b"".join(mask(n) for n in range(1, 6)))
    process.stdin.flush()
    first = process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    answers = [json.loads(line) for line in [first, *process.stdout]]
    seen["signal"] = [sorted(answer["id"] for answer in answers), process.wait(timeout=60)]

    # The client stops reading altogether.
    process = start()
    process.stdout.close()
    process.stdin.write(hello)
    process.stdin.flush()
    seen["deaf client"] = process.wait(timeout=60)
    process.stdin.close()

    # More calls than threads and queue together.
    answers, code, _ = talk(start("--threads", "1", "--queue", "2"), hello + b"".join(mask(n) for n in range(1, 31)))
    found = codes(answers)
    seen["queue"] = [len(found), set(found) == {"busy", "success"}, code]

    # A line over the limit is dropped, the next one is read.
    answers, code, _ = talk(start("--max-message", "64KiB"), hello + b"x" * 1_000_000 + b"\n" + message(1, "ping"))
    seen["long line"] = [answers[1]["error"]["code"], answers[2]["id"], code]

    # A picture whose header promises more pixels than are allowed.
    header = b"IHDR" + (60000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    bomb = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + header + zlib.crc32(header).to_bytes(4, "big")
    answers, code, _ = talk(start(), hello + mask(1, "data:image/png;base64," + base64.b64encode(bomb).decode()))
    seen["bomb"] = codes(answers)

    # The models are not there: it says so at the start and at the call, and serves what needs none.
    empty = os.path.join(data, "empty")
    os.makedirs(empty, exist_ok=True)
    upload = message(2, "tools/call", name="imageUpload", arguments={"file_path": "astronaut.png"})
    answers, code, errors = talk(start(models=empty), hello + mask(1) + upload)
    texts = " ".join(answer["result"]["content"][0]["text"] for answer in answers[1:])
    seen["no models"] = [codes(answers), "scripts/setup" in errors, "libopenvino_c.so" in errors, "scripts/setup" in texts]

    # Input from a file and from nothing.
    path = os.path.join(data, "input.jsonl")
    with open(path, "wb") as file:
        file.write(hello + message(1, "ping"))
    with open(path, "rb") as file:
        answers, code, _ = talk(start(stdin=file), None)
    seen["file"] = [len(answers), code]
    answers, code, _ = talk(start(stdin=subprocess.DEVNULL), None)
    seen["nothing"] = [len(answers), code]

    # Wrong usage and what can't run.
    def run(*arguments):
        result = subprocess.run([program, *arguments], capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
        return [result.returncode, len(result.stdout), result.stderr.decode()]

    seen["help"] = run("--help")[0]
    seen["unknown option"] = run("--alow-root", "/")
    seen["open to all"] = run("--http", "0.0.0.0:0", "--data-dir", data)
    seen["data folder"] = run("--data-dir", "/proc/studio")
    seen["allowed folder"] = run("--data-dir", data, "--allow-root", "/nowhere")
    print(json.dumps(seen))


main(*sys.argv[1:])
