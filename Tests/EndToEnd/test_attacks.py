"""The attack database: every entry is whole, and every case goes as it says, with its snippet and without.

What the policy decides is tried by `sluice policy test`; what the gateway refuses by itself, and what pins notice, at a
running gateway. Whether the scan finds what it should is a test of the scan.
"""

import json
import pathlib
import re
import unittest

from harness import ALLOW_ALL, BOTH, ROOT, Case, FakeUpstream, Session, main, request, sluice

FILES = sorted((ROOT / "Assets/attacks").glob("*.json"))
ATTACKS = [attack for path in FILES for attack in json.loads(path.read_text())["attacks"]]
FIELDS = {
    "id", "title", "family", "kind", "date", "severity", "cvss", "verified", "affected", "summary", "how_it_works",
    "surface", "effect", "stopped_by", "cannot_see", "sources", "mappings", "abuses", "links", "snippet", "case"}
CATEGORIES = {"read", "write", "execute", "destructive", "financial"}


def judged(attack):
    return [message for message in attack["case"]["messages"] if "with" in message]


def policy_test(attack, which):
    """The case as a policy test, under the baseline or the snippet."""
    case = attack["case"]
    calls = []
    for message in judged(attack):
        expect = {"outcome": message[which]}
        if which == "with" and "rule" in message:
            expect["rule"] = message["rule"]
        calls.append({
            "at": message["at"], "tool": message.get("tool") or message["asks"],
            "arguments": message.get("arguments", message.get("params", {})), "expect": expect,
            **{key: message[key] for key in ("session", "ip", "upstream") if key in message}})
    return {
        "policy": attack["snippet"] if which == "with" else case["baseline"],
        **({"server": {"name": case["server"]}} if "server" in case else {}),
        **({"grant": case["grant"]} if "grant" in case else {}),
        "tools": [{key: tool[key] for key in ("name", "category", "inputSchema")} for tool in case.get("tools", [])],
        "calls": calls}


class Entries(unittest.TestCase):
    def test_there_are_164_in_families(self):
        self.assertEqual(len(ATTACKS), 164)
        self.assertEqual(len({attack["id"] for attack in ATTACKS}), 164)
        for path in FILES:
            document = json.loads(path.read_text())
            self.assertEqual((document["format"], document["family"]), (1, path.stem))
            for attack in document["attacks"]:
                self.assertEqual(attack["family"], path.stem)

    def test_each_is_whole(self):
        for attack in ATTACKS:
            with self.subTest(attack["id"]):
                self.assertEqual(FIELDS - set(attack) - {"cvss"}, set())
                self.assertEqual(set(attack) - FIELDS, set())
                self.assertIn(attack["severity"], {"low", "medium", "high", "critical"})
                self.assertIn(attack["effect"], {"stops", "limits", "none"})
                self.assertLessEqual(set(attack["abuses"]), CATEGORIES)
                self.assertTrue(any(attack["links"].values()))
                self.assertIn("allow", {message["with"] for message in judged(attack)}, "something honest passes")
                match attack["stopped_by"]:
                    case "policy":
                        self.assertTrue([m for m in judged(attack) if m["with"] != "allow" and m["with"] != m["without"]])
                    case word:
                        self.assertTrue(attack["case"][{"finding": "findings"}.get(word, word)])

    def test_findings_point_at_something(self):
        for attack in ATTACKS:
            tools = {tool["name"]: tool for tool in attack["case"].get("tools", [])}
            for finding in attack["case"].get("findings", []):
                with self.subTest(attack["id"], code=finding["code"]):
                    self.assertIn(finding["code"], attack["links"]["findings"])
                    value = tools[finding["tool"]]
                    for step in finding["where"].split("/")[1:]:
                        value = value[step]
                    self.assertIsInstance(value, str)


class Replay(Case):
    def test_every_case_goes_as_it_says(self):
        for which in ("without", "with"):
            names = []
            for attack in ATTACKS:
                path = self.folder / f"{attack['id']}.{which}.policytest.json"
                path.write_text(json.dumps(policy_test(attack, which)))
                names.append(path)
            answer = sluice("policy", "test", "--json", *names)
            for result in json.loads(answer.stdout):
                with self.subTest(pathlib.Path(result["file"]).name):
                    self.assertEqual(result["failures"], [])
                    # A rule about an optional argument is meant so; nothing else is worth a warning.
                    self.assertLessEqual({problem["code"] for problem in result["problems"]}, {"policy.unguarded_deny_if"})
                    if which == "with":
                        self.assertEqual(result["unused"], [], "every rule of a snippet decides something")
            self.assertEqual(answer.returncode, 0, answer.stderr)


class Upstream(FakeUpstream):
    """A server whose list can be changed, and which answers a call with its arguments."""

    tools = []

    def handle(self, http_request, message, body):
        def result(value):
            http_request.answer(200, json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": value}).encode())
        match message.get("method"):
            case "tools/list":
                result({"tools": self.tools})
            case "tools/call":
                self.headers.append({name.lower() for name in http_request.headers})
                result({"content": [{"type": "text", "text": json.dumps(message["params"]["arguments"])}]})
            case _:
                super().handle(http_request, message, body)


class Standing(Case):
    """What needs no policy: one gateway for all cases."""

    def setUp(self):
        super().setUp()
        self.origin = Upstream()
        self.addCleanup(self.origin.close)
        self.known = {}

    def tokens(self, server):
        """Two grants of a server, which is registered if it is new."""
        if server not in self.known:
            self.sluice("server", "add", server, "--url", self.origin.url, "--allow-private")
            self.put_policy(f"p-{server}", ALLOW_ALL, server)
            self.known[server] = (self.grant(server, f"p-{server}"), self.grant(server, f"p-{server}", label="other"))
        return self.known[server]

    def test_the_gateway_refuses(self):
        cases = [attack for attack in ATTACKS if "gateway" in attack["case"]]
        self.origin.tools = [
            {"name": tool["name"], "inputSchema": tool["inputSchema"]}
            for tool in {t["name"]: t for attack in cases for t in attack["case"].get("tools", [])}.values()]
        self.tokens("files")
        gateway = self.gateway()
        for attack in cases:
            with self.subTest(attack["id"]):
                self.try_one(gateway, attack["case"]["gateway"])

    def try_one(self, gateway, case):
        expect = case["expect"]
        if "requests" in case:
            sessions = {r["client"]: Session(gateway, "files", self.tokens("files")[i]) for i, r in enumerate(case["requests"])}
            for one in case["requests"]:
                answer = sessions[one["client"]].post(one["body"])
                self.assertEqual((answer.status, answer.json["id"]), (expect["status"], one["body"]["id"]))
                self.assertEqual(json.loads(answer.json["result"]["content"][0]["text"]), one["body"]["params"]["arguments"])
            return
        one = case["request"]
        server = re.fullmatch(r"/mcp/([^/]+)", one["path"])
        server = server[1] if server and case["protection"] != "unknown_server" else "files"
        token, other = self.tokens(server)
        address = gateway.address
        if case.get("plane") == "admin":
            host, _, port = gateway.ready["admin"].rpartition(":")
            address = (host, int(port))
        values = {"{token}": token, "{other_token}": other}
        if "{session}" in json.dumps(one["headers"]):
            values["{session}"] = Session(gateway, server, token).fields["Mcp-Session-Id"]
        fields = {"Accept": BOTH, "Content-Type": "application/json"}
        for name, value in one["headers"].items():
            for word, real in values.items():
                value = value.replace(word, real)
            fields[name] = re.sub(r":742[01]$", f":{address[1]}", value) if name == "Host" else value
        body = one["body"].encode() if isinstance(one["body"], str) else one["body"]
        self.origin.headers.clear()
        answer = request(address, one["method"], one["path"], body, **fields)
        self.assertIn(answer.status, expect.get("status_one_of", [expect.get("status")]), answer.body)
        if "rpc" in expect:
            self.assertEqual(answer.json["error"]["code"], expect["rpc"])
        if "upstream_without" in expect:
            self.assertEqual(len(self.origin.headers), 1)
            self.assertEqual(self.origin.headers[0] & set(expect["upstream_without"]), set())
        elif expect.get("status") != 200:
            self.assertEqual(self.origin.headers, [], "nothing reached the server")

    def test_pins_notice(self):
        cases = [attack["case"]["pin"] for attack in ATTACKS if "pin" in attack["case"]]
        self.assertGreaterEqual(len(cases), 3)
        for i, pin in enumerate(cases):
            self.origin.tools = [pin["before"]]
            token, _ = self.tokens(f"pinned{i}")
            self.sluice("server", "pin", f"pinned{i}")
        gateway = self.gateway()
        for i, pin in enumerate(cases):
            with self.subTest(pin["before"]["name"]):
                self.origin.tools = [pin["after"]]
                session = Session(gateway, f"pinned{i}", self.tokens(f"pinned{i}")[0])
                self.assertEqual(session.tools(), [])
                self.assertEqual(session.outcome(pin["after"]["name"]), "denied")
                answer = self.sluice("server", "findings", f"pinned{i}", "--json").stdout
                self.assertIn(pin["expect"], answer)


if __name__ == "__main__":
    main()
