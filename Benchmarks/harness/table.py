"""One table: the same call directly, through nginx, through Sluice and through other gateways, over HTTP and stdio."""
import contextlib
import os
import re
import statistics
import subprocess

from . import calls, mcp, peers
from .peers import Target
from .processes import OUT, Process, Serve, Unmeasurable, compiled, cpu_seconds, memory_kib, sluice

CLIENTS = 32
ROUNDS = 3
EXPECTED = "the sum of two small numbers is 42"


class Row:
    """What is measured of one way to the upstream."""

    def __init__(self, name, title, upstream, checks):
        self.name, self.title, self.upstream, self.checks = name, title, upstream, checks
        self.many, self.one = [], []
        self.memory = None

    def numbers(self):
        """By suffix of the result's name; of all rounds the middle one."""
        found = {"calls_per_s": statistics.median(rate for rate, *_ in self.many),
                 "p50_us": statistics.median(p50 for _, p50, _, _ in self.one)}
        used = [cpu for *_, cpu in self.many if cpu is not None]
        if used:
            found["cpu_us"] = statistics.median(used)
        if self.memory is not None:
            found["memory_mib"] = self.memory
        return found


def params(tool):
    path = os.path.join(OUT, f"params-{tool}.json")
    with open(path, "wb") as file:
        file.write(mcp.compact({"name": tool, "arguments": mcp.CALL["params"]["arguments"]}))
    return path


def fields(target):
    path = os.path.join(OUT, "fields.http")
    with open(path, "w") as file:
        file.write("".join(field + "\r\n" for field in target.fields))
    return path


def load(count, seconds, target):
    """(calls a second, p50, p99 in µs, CPU µs a call or None) under `count` clients."""
    where = ["stdio", target] if isinstance(target, str) else ["http", str(target.port), target.path, fields(target)]
    tool = "add" if isinstance(target, str) else target.tool
    pids = [] if isinstance(target, str) or target.pid is None else peers.tree(target.pid)
    command = [compiled("load"), str(count), str(max(0.5, seconds / 4)), str(seconds), EXPECTED, params(tool), *where]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        if child.stdout.readline() != "begin\n":
            child.wait()
            raise Unmeasurable(child.stderr.read().strip())
        before = sum(cpu_seconds(pid) for pid in pids)
        result = re.match(r"RESULT (\d+) (\S+) (\S+) (\S+)", child.stdout.readline())
        used = sum(cpu_seconds(pid) for pid in pids) - before
        if not result:
            child.wait()
            raise Unmeasurable(child.stderr.read().strip())
    number, rate, p50, p99 = map(float, result.groups())
    return rate, p50, p99, used / number * 1e6 if pids else None


def measure_rows(rows, seconds):
    """In turns, so that what the machine does meanwhile hits all alike."""
    for _ in range(ROUNDS):
        for row, target in rows:
            row.one.append(load(1, seconds, target))
            row.many.append(load(CLIENTS, seconds, target))
            if not isinstance(target, str) and target.pid is not None:
                row.memory = max(row.memory or 0, sum(memory_kib(pid) for pid in peers.tree(target.pid)) / 1024)


@contextlib.contextmanager
def gateway(data, port):
    """Sluice before both upstreams: token, three conditions, two limits, ledger."""
    sluice("server", "add", "table", "--url", f"http://127.0.0.1:{port}/mcp", "--allow-private", data=data)
    sluice("server", "add", "table-stdio", "--", compiled("upstream"), "--stdio", data=data)
    tokens = [calls.grant(data, name) for name in ("table", "table-stdio")]
    with Serve(data) as serve:
        yield [Target(serve.port, f"/mcp/{name}", serve.pid, fields=["Authorization: Bearer " + token])
               for name, token in zip(("table", "table-stdio"), tokens)]


RULES = "token, 3 conditions, 2 limits, ledger"


def measure(results, data, seconds):
    """Puts the numbers into `results`; gives the table as text, and why rows are missing."""
    done, problems = [], []
    with Process([compiled("upstream")], "upstream.log") as upstream:
        port = int(upstream.line())
        rows = [Row("direct", "direct", "HTTP", ""), Row("nginx", "nginx proxy_pass", "HTTP", ""),
                Row("sluice", "Sluice", "HTTP", RULES), Row("direct_stdio", "direct", "stdio", ""),
                Row("sluice_stdio", "Sluice", "stdio", RULES)]
        with peers.nginx(port) as proxy, gateway(data, port) as (http, stdio):
            measure_rows(list(zip(rows, [
                Target(port, "/mcp", None), proxy, http, compiled("upstream") + " --stdio", stdio])), seconds)
        done += rows
        for row, peer in (
                (Row("mcp_proxy", "mcp-proxy", "stdio", "none"), lambda: peers.mcp_proxy(port)),
                (Row("fastmcp_proxy", "FastMCP proxy", "HTTP", "none"), lambda: peers.fastmcp(port)),
                (Row("contextforge", "ContextForge", "HTTP", "token"), lambda: peers.contextforge(port, data, False)),
                (Row("contextforge_stateful", "ContextForge, stateful sessions", "HTTP", "token"),
                 lambda: peers.contextforge(port, data, True)),
                (Row("litellm", "LiteLLM", "HTTP", "key"), lambda: peers.litellm(port, data))):
            try:
                with peer() as target:
                    measure_rows([(row, target)], seconds)
                done.append(row)
            except (Unmeasurable, OSError) as problem:
                problems.append(f"{row.title}: {problem}")
    for row in done:
        for suffix, value in row.numbers().items():
            results[f"table_{row.name}_{suffix}"] = value
    return text(done), problems


def text(rows):
    """The table for people."""
    lines = [("through", "upstream", "checked", f"calls/s ({CLIENTS})", "median ms (1)", "CPU µs a call", "MiB")]
    for row in rows:
        found = row.numbers()
        rate, median = found["calls_per_s"], found["p50_us"] / 1000
        cpu, memory = found.get("cpu_us"), found.get("memory_mib")
        lines.append((
            row.title, row.upstream, row.checks or "–", f"{rate:,.0f}", f"{median:.3f}",
            "–" if cpu is None else f"{cpu:,.1f}", "–" if memory is None else f"{memory:,.0f}"))
    widths = [max(len(line[i]) for line in lines) for i in range(7)]
    return "\n".join("  ".join(
        cell.ljust(width) if i < 3 else cell.rjust(width) for i, (cell, width) in enumerate(zip(line, widths)))
        for line in lines)
