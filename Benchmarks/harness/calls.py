"""A governed call against nginx's `proxy_pass`: CPU, throughput, latency; over HTTP and over stdio."""
import json
import os
import re
import subprocess

from . import mcp
from .processes import BENCHMARKS, OUT, Process, Serve, Unmeasurable, children, compiled, cpu_seconds, free_port, \
    grant_token, sluice

EXPECTED = '"isError":false'
CONNECTIONS = 32

# Three conditions and two limits, none of which a run can fill.
POLICY = {
    "version": "1", "default": "deny",
    "tools": {"add": {
        "require": [{"conditions": [
            {"path": "args.a", "op": "gte", "value": 0}, {"path": "args.b", "op": "lt", "value": 1000000},
            {"path": "args.note", "op": "regex", "value": "^[a-z ,]*$"}], "on_deny": "Small numbers only."}],
        "limits": [
            {"counter": "calls", "window": "second", "max": 1000000, "scope": "grant"},
            {"counter": "sums", "window": "second", "max": 1000000000, "cost": "args.b", "scope": "session"}]}}}

NGINX = """
worker_processes 1; daemon off; pid {out}/nginx.pid; error_log {out}/nginx.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 1000000000;
    client_body_temp_path {out}/nginx-body; proxy_temp_path {out}/nginx-proxy; fastcgi_temp_path {out}/nginx-fastcgi;
    uwsgi_temp_path {out}/nginx-uwsgi; scgi_temp_path {out}/nginx-scgi;
    upstream server {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://server; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    }}
}}
"""


class Nginx(Process):
    def __init__(self, upstream):
        self.port = free_port()
        config = os.path.join(OUT, "nginx.conf")
        with open(config, "w") as file:
            file.write(NGINX.format(out=OUT, upstream=upstream, port=self.port))
        super().__init__(["nginx", "-c", config, "-p", OUT, "-e", os.path.join(OUT, "nginx.log")], "nginx-start.log")

    @property
    def worker(self):
        return children(self.pid)[0]


def connect(port, path, token=None):
    """A session, as soon as somebody listens."""
    for _ in range(200):
        try:
            return mcp.Session(port, path, token)
        except ConnectionRefusedError:
            subprocess.run(["sleep", "0.02"])
    raise Unmeasurable(f"nobody listens on port {port}")


def load(port, request, pid, seconds):
    """Requests a second and CPU microseconds a request of process `pid` under 32 busy connections."""
    before = cpu_seconds(pid)
    text = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", os.path.join(BENCHMARKS, "wire", "load.lua"),
         f"http://127.0.0.1:{port}/", "--", request], capture_output=True, text=True, check=True).stdout
    used = cpu_seconds(pid) - before
    requests, received, errors, duration = map(int, re.search(r"RESULT (\d+) (\d+) (\d+) (\d+)", text).groups())
    if errors or not requests:
        raise Unmeasurable(f"{errors} of {requests} requests failed: {text}")
    return requests / (duration / 1e6), used / requests * 1e6, received / requests


def latency(direct, through, blocks=40, calls=100):
    """(p50, p99) of both in microseconds, in turns."""
    done = subprocess.run([compiled("client"), EXPECTED, str(blocks), str(calls), direct, through],
                          capture_output=True, text=True)
    if done.returncode:
        raise Unmeasurable(done.stderr)
    return [tuple(map(float, line.split())) for line in done.stdout.splitlines()]


def grant(data, server):
    policy = os.path.join(OUT, "bench.policy.json")
    with open(policy, "w") as file:
        json.dump(POLICY, file)
    sluice("policy", "put", "bench-" + server, policy, "--server", server, data=data)
    return grant_token(sluice(
        "grant", "create", "--server", server, "--policy", "bench-" + server, "--label", "bench-" + server, data=data))


def measure(results, data, seconds):
    upstream_program = compiled("upstream")
    with Process([upstream_program], "upstream.log") as upstream:
        upstream_port = int(upstream.line())
        direct = connect(upstream_port, "/mcp").raw_call("direct.http")
        with Nginx(upstream_port) as nginx:
            proxied = connect(nginx.port, "/mcp").raw_call("nginx.http")
            load(nginx.port, proxied, nginx.worker, 1)
            nginx_only = load(nginx.port, proxied, nginx.worker, seconds)
            results["nginx_cpu_us"] = nginx_only[1]
            results["nginx_calls_per_s"] = nginx_only[0]
            (p50, p99), (nginx50, nginx99) = latency(f"http:{upstream_port}:{direct}", f"http:{nginx.port}:{proxied}")
            results["direct_p50_us"], results["nginx_added_p50_us"] = p50, nginx50 - p50
            results["nginx_added_p99_us"] = nginx99 - p99

            sluice("server", "add", "bench", "--url", f"http://127.0.0.1:{upstream_port}/mcp", "--allow-private", data=data)
            token = grant(data, "bench")
            with Serve(data) as serve:
                session = connect(serve.port, "/mcp/bench", token)
                governed = session.raw_call("governed.http")
                session.call("add", mcp.CALL["params"]["arguments"])
                load(serve.port, governed, serve.pid, 1)
                rounds = []
                for _ in range(3):
                    ours = load(serve.port, governed, serve.pid, seconds)
                    theirs = load(nginx.port, proxied, nginx.worker, seconds)
                    rounds.append((ours[1] / theirs[1], ours[1], theirs[1], ours[0], theirs[0]))
                rounds.sort()
                middle = rounds[1]
                results["call_cpu_vs_nginx_ratio"], results["call_cpu_us"], results["nginx_cpu_us"] = middle[:3]
                results["calls_per_s"], results["nginx_calls_per_s"] = middle[3:]
                session.call("add", mcp.CALL["params"]["arguments"])
                (p50, p99), (ours50, ours99) = latency(f"http:{upstream_port}:{direct}", f"http:{serve.port}:{governed}")
                results["call_added_p50_us"], results["call_added_p99_us"] = ours50 - p50, ours99 - p99


def measure_stdio(results, data):
    upstream = compiled("upstream")
    line = os.path.join(OUT, "direct.line")
    with open(line, "wb") as file:
        file.write(mcp.compact(mcp.CALL) + b"\n")
    sluice("server", "add", "bench-stdio", "--", upstream, "--stdio", data=data)
    token = grant(data, "bench-stdio")
    with Serve(data) as serve:
        session = connect(serve.port, "/mcp/bench-stdio", token)
        session.call("add", mcp.CALL["params"]["arguments"])
        governed = session.raw_call("stdio.http")
        (p50, p99), (ours50, ours99) = latency(f"stdio:{line}:{upstream} --stdio", f"http:{serve.port}:{governed}")
        results["stdio_call_added_p50_us"], results["stdio_call_added_p99_us"] = ours50 - p50, ours99 - p99
