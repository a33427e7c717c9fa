"""Other gateways, started in front of the same upstream: what is on PyPI and serves Streamable HTTP.

Each is a context manager that gives a `Target`, started with one worker and as its own documentation says; what keeps
it from being called as often as it can (limits, lock-outs, access logs) is off. `scripts/setup --bench` makes the
environments.
"""
import contextlib
import json
import os
import secrets
import subprocess
import time
import urllib.error
import urllib.request

from .calls import Nginx
from .processes import OUT, ROOT, Process, Unmeasurable, compiled, free_port

# Seconds until a gateway serves: some need half a minute.
PATIENCE = 120


class Target:
    """Where the load goes over HTTP."""

    def __init__(self, port, path, pid, tool="add", fields=()):
        self.port, self.path, self.pid, self.tool, self.fields = port, path, pid, tool, list(fields)


class Command:
    """Where the load goes over stdio: a shell's line, whose program has an upstream as its child or is one."""

    def __init__(self, line, tool="add"):
        self.line, self.tool = line, tool


def environment(name, program):
    path = os.path.join(ROOT, ".venv-" + name, "bin", program)
    if not os.path.exists(path):
        raise Unmeasurable(f".venv-{name} is missing; scripts/setup --bench makes it, or says why it can't")
    return path


def ask(method, url, body=None, token=None):
    request = urllib.request.Request(url, method=method, data=None if body is None else json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", "Bearer " + token)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as problem:
        detail = problem.read()[:500].decode("utf-8", "replace")
        raise Unmeasurable(f"{method} {url}: {problem.code} {detail}") from None


def log_tail(process):
    with open(process.log, "rb") as file:
        return file.read()[-1500:].decode("utf-8", "replace")


def wait_for(process, port, path, expected=range(200, 500)):
    """Until the program answers HTTP on its port with one of these statuses."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if process.child.poll() is not None:
            raise Unmeasurable(f"it ended with {process.child.returncode}: {log_tail(process)}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                status = answer.status
        except urllib.error.HTTPError as problem:
            status = problem.code
        except OSError:
            status = 0
        if status in expected:
            return
        time.sleep(0.2)
    raise Unmeasurable(f"it does not serve after {PATIENCE} s: {log_tail(process)}")


@contextlib.contextmanager
def nginx(upstream):
    with Nginx(upstream) as process:
        wait_for(process, process.port, "/")
        yield Target(process.port, "/mcp", process.worker)


@contextlib.contextmanager
def mcp_proxy(upstream):
    """mcp-proxy: Streamable HTTP in front of a stdio server. No authentication, no rules."""
    port = free_port()
    command = [environment("mcp-proxy", "mcp-proxy"), "--port", str(port), "--host", "127.0.0.1",
               "--log-level", "ERROR", "--", compiled("upstream"), "--stdio"]
    with Process(command, "mcp-proxy.log") as process:
        wait_for(process, port, "/mcp")
        yield Target(port, "/mcp", process.pid)


FASTMCP = """
import sys
from fastmcp.server import create_proxy
create_proxy(sys.argv[1], name="proxy").run(
    transport="http", host="127.0.0.1", port=int(sys.argv[2]), log_level="error", show_banner=False,
    uvicorn_config={"access_log": False})
"""


@contextlib.contextmanager
def fastmcp(upstream):
    """FastMCP's own proxy server. No authentication, no rules."""
    port = free_port()
    command = [environment("fastmcp", "python"), "-c", FASTMCP, f"http://127.0.0.1:{upstream}/mcp", str(port)]
    with Process(command, "fastmcp-proxy.log") as process:
        wait_for(process, port, "/mcp")
        yield Target(port, "/mcp", process.pid)


@contextlib.contextmanager
def contextforge(upstream, data, stateful):
    """ContextForge with its JSON Web Tokens, SQLite, and a virtual server that has the one tool."""
    folder = os.path.join(data, "contextforge-stateful" if stateful else "contextforge")
    os.makedirs(folder)
    port, key = free_port(), secrets.token_hex(32)
    variables = dict(
        os.environ, JWT_SECRET_KEY=key, AUTH_ENCRYPTION_SECRET=secrets.token_hex(32), MCPGATEWAY_UI_ENABLED="false",
        MCPGATEWAY_ADMIN_API_ENABLED="true", PLATFORM_ADMIN_EMAIL="admin@example.com", CACHE_TYPE="memory",
        LOG_LEVEL="ERROR", SSRF_ALLOW_LOCALHOST="true", SSRF_ALLOW_PRIVATE_NETWORKS="true",
        # As it comes, a user has 100 calls a minute and is locked out for 15 minutes after five more.
        RATE_LIMITING_ENABLED="false", RATE_LIMIT_LOCKOUT_ENABLED="false", DATABASE_URL=f"sqlite:///{folder}/mcp.db",
        # Else each call opens a session of its own with the upstream.
        USE_STATEFUL_SESSIONS="true" if stateful else "false")
    python = environment("contextforge", "python")
    command = [environment("contextforge", "mcpgateway"), "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
               "--log-level", "error", "--no-access-log"]
    made = subprocess.run(
        [python, "-m", "mcpgateway.utils.create_jwt_token", "--username", "admin@example.com", "--exp", "10080",
         "--secret", key, "--admin"], capture_output=True, text=True, env=variables, cwd=folder)
    if made.returncode:
        raise Unmeasurable(f"no token could be made: {made.stderr[-500:]}")
    token = made.stdout.split()[-1]
    with Process(command, os.path.basename(folder) + ".log", env=variables, cwd=folder) as process:
        wait_for(process, port, "/health", [200])
        url = f"http://127.0.0.1:{port}"
        ask("POST", url + "/gateways",
            {"name": "bench", "url": f"http://127.0.0.1:{upstream}/mcp", "transport": "STREAMABLEHTTP"}, token)
        tools = ask("GET", url + "/tools", token=token)
        tools = tools if isinstance(tools, list) else tools.get("tools", tools.get("items", []))
        tool = next((tool for tool in tools if tool["name"] == "bench-add"), None)
        if not tool:
            raise Unmeasurable(f"its tools are {[tool['name'] for tool in tools]}")
        server = ask("POST", url + "/servers", {"server": {
            "name": "bench", "description": "the bench", "associated_tools": [tool["id"]]}}, token)
        yield Target(port, f"/servers/{server['id']}/mcp", process.pid, "bench-add", ["Authorization: Bearer " + token])


@contextlib.contextmanager
def litellm(upstream, data):
    """LiteLLM's MCP gateway with a master key."""
    port, key = free_port(), "sk-" + secrets.token_hex(16)
    config = os.path.join(data, "litellm.yaml")
    with open(config, "w") as file:
        # JSON is YAML.
        json.dump({"model_list": [], "general_settings": {"master_key": key}, "mcp_servers": {
            "bench": {"url": f"http://127.0.0.1:{upstream}/mcp", "transport": "http"}}}, file)
    command = [environment("litellm", "litellm"), "--config", config, "--host", "127.0.0.1", "--port", str(port),
               "--num_workers", "1"]
    with Process(command, "litellm.log", env=dict(os.environ, LITELLM_LOG="ERROR"), cwd=data) as process:
        wait_for(process, port, "/health/liveliness", [200])
        yield Target(
            port, "/mcp/", process.pid, "bench-add", [f"x-litellm-api-key: Bearer {key}", "x-mcp-servers: bench"])


@contextlib.contextmanager
def lasso(data):
    """Lasso's mcp-gateway, stdio on both sides. No authentication, no plug-ins."""
    config = os.path.join(data, "lasso.json")
    with open(config, "w") as file:
        json.dump({"mcpServers": {"mcp-gateway": {"command": "mcp-gateway", "args": [], "servers": {
            "bench": {"command": compiled("upstream"), "args": ["--stdio"]}}}}}, file)
    log = os.path.join(OUT, "lasso.log")
    yield Command(f"exec {environment('lasso', 'mcp-gateway')} --mcp-json-path {config} 2>{log}", "bench_add")


def tree(pid):
    """A process and its descendants, but for the upstreams among them."""
    found = [pid]
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
        below = [int(word) for task in tasks for word in open(f"/proc/{pid}/task/{task}/children").read().split()]
    except FileNotFoundError:
        return []
    for child in below:
        try:
            if os.path.basename(os.readlink(f"/proc/{child}/exe")) != "upstream":
                found += tree(child)
        except OSError:
            continue
    return found
