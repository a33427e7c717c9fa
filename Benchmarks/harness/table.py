"""One table: the same call directly, through nginx, through Sluice and through other gateways, over HTTP and stdio."""
import contextlib
import json
import os
import re
import statistics
import subprocess

from . import calls, mcp, peers
from .peers import Command, Target
from .processes import OUT, Process, Serve, Unmeasurable, compiled, cpu_seconds, memory_kib, program, sluice

CLIENTS = 32
ROUNDS = 3
EXPECTED = "the sum of two small numbers is 42"


class Row:
    """What is measured of one way to the upstream."""

    def __init__(self, name, title, ways, checks):
        self.name, self.title, self.ways, self.checks = name, title, ways, checks
        self.many, self.one = [], []

    def numbers(self):
        """By suffix of the result's name; of all rounds the middle one."""
        found = {"calls_per_s": statistics.median(rate for rate, *_ in self.many),
                 "p50_us": statistics.median(p50 for _, p50, *_ in self.one)}
        if self.many[0][3] is not None:
            found["cpu_us"] = statistics.median(cpu for *_, cpu, _ in self.many)
            found["memory_mib"] = max(memory for *_, memory in self.many)
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
    """(calls a second, p50, p99 in µs, CPU µs a call, MiB) under `count` clients."""
    if isinstance(target, Command):
        where = ["stdio", target.line]
    else:
        where = ["http", str(target.port), target.path, fields(target)]
    command = [compiled("load"), str(count), str(max(0.5, seconds / 4)), str(seconds), EXPECTED, params(target.tool)]
    command += where
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) \
            as child:
        def next_line(pattern):
            found = re.match(pattern, child.stdout.readline())
            if not found:
                child.wait()
                raise Unmeasurable(child.stderr.read().strip())
            return found

        next_line("begin")
        if isinstance(target, Command):
            pids = peers.tree(child.pid)[1:]
        else:
            pids = peers.tree(target.pid) if target.pid else []
        before = sum(cpu_seconds(pid) for pid in pids)
        memory = sum(memory_kib(pid) for pid in pids) / 1024
        next_line("end")
        used = sum(cpu_seconds(pid) for pid in pids) - before
        # Whoever is measured over stdio is its child, and would be gone.
        child.stdin.close()
        result = next_line(r"RESULT (\d+) (\S+) (\S+) (\S+)")
    number, rate, p50, p99 = map(float, result.groups())
    return rate, p50, p99, used / number * 1e6 if pids else None, memory if pids else None


def measure_rows(rows, seconds):
    """In turns, so that what the machine does meanwhile hits all alike."""
    for _ in range(ROUNDS):
        for row, target in rows:
            row.one.append(load(1, seconds, target))
            row.many.append(load(CLIENTS, seconds, target))


@contextlib.contextmanager
def gateway(data, port):
    """Sluice before both upstreams: token, three conditions, two limits, ledger."""
    sluice("server", "add", "table", "--url", f"http://127.0.0.1:{port}/mcp", "--allow-private", data=data)
    sluice("server", "add", "table-stdio", "--", compiled("upstream"), "--stdio", data=data)
    tokens = [calls.grant(data, name) for name in ("table", "table-stdio")]
    with Serve(data) as serve:
        yield [Target(serve.port, f"/mcp/{name}", serve.pid, fields=["Authorization: Bearer " + token])
               for name, token in zip(("table", "table-stdio"), tokens)]


def wrapped(data):
    """`sluice wrap`: the same rules and ledger, stdio on both sides."""
    policy = os.path.join(OUT, "wrap.policy.json")
    with open(policy, "w") as file:
        json.dump(calls.POLICY, file)
    folder = os.path.join(data, "wrap")
    options = f"--data-dir {folder} --policy {policy}"
    return Command(f"exec {program('sluice')} wrap {options} -- {compiled('upstream')} --stdio")


RULES = "3 conditions, 2 limits, ledger"


def measure(results, data, seconds):
    """Puts the numbers into `results`; gives the table as text, and why rows are missing."""
    done, problems = [], []
    with Process([compiled("upstream")], "upstream.log") as upstream:
        port = int(upstream.line())
        rows = [Row("direct", "direct", "HTTP", ""), Row("nginx", "nginx proxy_pass", "HTTP – HTTP", ""),
                Row("sluice", "Sluice", "HTTP – HTTP", "token, " + RULES), Row("direct_stdio", "direct", "stdio", ""),
                Row("sluice_stdio", "Sluice", "HTTP – stdio", "token, " + RULES),
                Row("sluice_wrap", "Sluice wrap", "stdio – stdio", RULES)]
        with peers.nginx(port) as proxy, gateway(data, port) as (http, stdio):
            measure_rows(list(zip(rows, [
                Target(port, "/mcp", None), proxy, http, Command(f"exec {compiled('upstream')} --stdio"), stdio,
                wrapped(data)])), seconds)
        done += rows
        for row, peer in (
                (Row("mcp_proxy", "mcp-proxy", "HTTP – stdio", ""), lambda: peers.mcp_proxy(port)),
                (Row("fastmcp_proxy", "FastMCP proxy", "HTTP – HTTP", ""), lambda: peers.fastmcp(port)),
                (Row("contextforge", "ContextForge", "HTTP – HTTP", "token"),
                 lambda: peers.contextforge(port, data, False)),
                (Row("contextforge_stateful", "ContextForge, sessions kept", "HTTP – HTTP", "token"),
                 lambda: peers.contextforge(port, data, True)),
                (Row("litellm", "LiteLLM", "HTTP – HTTP", "key"), lambda: peers.litellm(port, data)),
                (Row("lasso", "Lasso mcp-gateway", "stdio – stdio", ""), lambda: peers.lasso(data))):
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
    lines = [(
        "through", "client – upstream", "checked", f"calls/s ({CLIENTS})", "median ms (1)", "CPU µs a call", "MiB")]
    for row in rows:
        found = row.numbers()
        rate, median = found["calls_per_s"], found["p50_us"] / 1000
        cpu, memory = found.get("cpu_us"), found.get("memory_mib")
        lines.append((
            row.title, row.ways, row.checks or "–", f"{rate:,.0f}", f"{median:.3f}",
            "–" if cpu is None else f"{cpu:,.1f}", "–" if memory is None else f"{memory:,.0f}"))
    widths = [max(len(line[i]) for line in lines) for i in range(7)]
    return "\n".join("  ".join(
        cell.ljust(width) if i < 3 else cell.rjust(width) for i, (cell, width) in enumerate(zip(line, widths)))
        for line in lines)
