"""The command line: help with examples for every command, suggestions, exit codes, JSON."""

import json
import os
import pathlib
import re
import subprocess
import unittest

from harness import ROOT, SLUICE, STARTER_POLICY, Case, sluice

CLIENTS = ["claude-desktop", "claude-code", "cursor", "vscode", "codex", "gemini-cli"]


def commands():
    text = sluice("help").stdout.split("Commands:\n")[1].split("\n\n")[0]
    return [re.split(r"  +", line.strip())[0].split() for line in text.splitlines() if line.strip()]


class Help(unittest.TestCase):
    def test_every_command_has_help_with_examples(self):
        names = [" ".join(words) for words in commands()]
        for name in ["serve", "server add", "server tools", "policy put", "policy validate", "grant create",
                     "grant revoke", "identity add", "audit tail", "audit verify", "client-config", "doctor"]:
            self.assertIn(name, names)
        for words in commands():
            with self.subTest(words):
                done = sluice(*words, "--help")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("\nExamples:\n", done.stdout)
                self.assertIn(f"\nUsage: sluice {' '.join(words)}", done.stdout)
                self.assertEqual(done.stdout, sluice("help", *words).stdout)
                self.assertLessEqual(max(map(len, done.stdout.splitlines())), 160)

    def test_version(self):
        self.assertRegex(sluice("--version").stdout, r"^sluice \d+\.\d+\.\d+\n$")

    def test_wrong_usage(self):
        for words, says in [
            (["serv"], "did you mean 'sluice serve'?"), (["server", "lst"], "did you mean 'sluice server list'?"),
            (["serve", "--lisen", "x"], "did you mean --listen?"), (["serve", "--listen", "nonsense"], "HOST:PORT"),
            (["serve", "--config", "x"], "--config"), (["grant", "create"], "--server"),
            (["server", "add", "x"], "--url"), (["server", "add", "x", "--url", "http://e.com", "--", "y"], "not both"),
            (["audit", "query", "--outcome", "nope"], "denied"), (["client-config", "s", "--client", "emacs"], "cursor"),
            (["grant", "create", "--server", "a", "--policy", "b", "--label", "c", "--expires", "soon"], "30d"),
        ]:
            with self.subTest(words):
                done = sluice(*words)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(says, done.stderr)


class Data(Case):
    def test_json_wherever_data_is_printed(self):
        self.studio()
        self.sluice("identity", "add", "alice")
        for words in [("server", "list"), ("server", "show", "studio"), ("server", "tools", "studio"),
                      ("policy", "list"), ("identity", "list"), ("grant", "list"), ("audit", "verify"), ("doctor",)]:
            with self.subTest(words):
                json.loads(self.sluice(*words, "--json").stdout)
        self.assertEqual(self.sluice("policy", "show", "studio").stdout, STARTER_POLICY.read_text())

    def test_tools_of_studio(self):
        self.studio()
        tools = json.loads(self.sluice("server", "tools", "studio", "--json").stdout)["tools"]
        self.assertLessEqual({"imageMasking", "imageUpload", "imageInference", "generate"}, {tool["name"] for tool in tools})
        for tool in tools:
            self.assertEqual(tool["inputSchema"]["type"], "object")
            self.assertIn("outputSchema", tool)
            self.assertIn("annotations", tool)

    def test_tokens_are_shown_once(self):
        token = self.studio()
        self.assertRegex(token, r"^slg_[A-Za-z0-9_-]{43}$")
        for words in [("grant", "list", "--all"), ("grant", "list", "--json"), ("doctor",)]:
            self.assertNotIn(token, self.sluice(*words).stdout)
        for path in self.data.iterdir():
            if path.is_file():
                self.assertNotIn(token.encode(), path.read_bytes())
        self.assertEqual((self.data / "secret.key").stat().st_mode & 0o777, 0o600)
        gateway = self.gateway()
        self.assertRegex(gateway.ready["admin_token"], r"^sla_")
        gateway.end()
        self.assertNotIn("admin_token", self.gateway().ready)

    def test_a_reader_that_goes_away(self):
        self.studio()
        done = subprocess.run(
            f"'{SLUICE}' audit export --data-dir '{self.data}' | true", shell=True, capture_output=True, timeout=30)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_start_is_quick(self):
        gateway = self.gateway()
        gateway.end()
        import time
        started = time.monotonic()
        self.gateway()
        self.assertLess(time.monotonic() - started, 3)


class ClientConfig(Case):
    def test_all_clients(self):
        for client in CLIENTS:
            with self.subTest(client):
                done = sluice("client-config", "studio", "--client", client, env={"SLUICE_TOKEN": "slg_x"})
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("http://127.0.0.1:7420/mcp/studio", done.stdout)
                self.assertIn("Bearer slg_x", done.stdout)
                if client == "codex":
                    import tomllib
                    table = tomllib.loads(done.stdout)["mcp_servers"]["studio"]
                    self.assertEqual(table["http_headers"]["Authorization"], "Bearer slg_x")
                else:
                    json.loads(done.stdout)

    def test_without_a_token(self):
        environment = {name: value for name, value in os.environ.items() if name != "SLUICE_TOKEN"}
        done = subprocess.run([SLUICE, "client-config", "studio", "--client", "cursor"], capture_output=True, text=True,
                              env=environment, timeout=30)
        self.assertIn("Bearer <grant token>", done.stdout)
        self.assertIn("SLUICE_TOKEN", done.stderr)


class Policies(Case):
    def test_put_takes_policies_by_category_without_a_word(self):
        policy = self.folder / "category.policy.json"
        policy.write_text('{"version": "1", "default": "allow", "hide": ["@destructive"]}')
        self.sluice("server", "add", "s", "--", "/bin/cat")
        self.assertNotIn("warning", self.sluice("policy", "put", "p", policy, "--server", "s").stderr)

    def test_every_policy_here_is_valid(self):
        policies = sorted([*ROOT.glob("Assets/**/*.policy.json"), *ROOT.glob("Examples/**/*.policy.json")])
        self.assertGreaterEqual(len(policies), 1)
        done = sluice("policy", "validate", *policies)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_the_policy_in_the_readme_is_valid(self):
        blocks = re.findall(r"```json\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
        self.assertGreaterEqual(len(blocks), 1)
        for block in blocks:
            done = sluice("policy", "validate", "-", stdin=block)
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_every_policy_test_here_passes(self):
        tests = sorted(ROOT.glob("Tests/PolicyCases/*.policytest.json"))
        self.assertGreaterEqual(len(tests), 1)
        done = sluice("policy", "test", *tests)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_explain(self):
        arguments = json.dumps({"model": "runware:35@8", "inputImage": "x"})
        for tool, outcome in [("imageMasking", "allow"), ("eraseEverything", "deny")]:
            done = sluice("policy", "explain", STARTER_POLICY, "--tool", tool, "--args", arguments, "--json")
            self.assertEqual(json.loads(done.stdout)["outcome"], outcome)

    def test_explain_with_the_servers_schema(self):
        self.studio()
        tools = self.folder / "tools.json"
        tools.write_text(self.sluice("server", "tools", "studio", "--json").stdout)
        strange = self.folder / "strange.policy.json"
        strange.write_text('{"version":"1","default":"deny","tools":{"imageMaskin":{}}}')
        done = sluice("policy", "validate", strange, "--tools", tools)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, "warning: .*imageMaskin")
        wrong = json.dumps({"model": "runware:35@8", "inputImage": "x", "confidence": 7})
        done = sluice("policy", "explain", STARTER_POLICY, "--tool", "imageMasking", "--args", wrong, "--tools", tools)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("deny by /arguments/schema", done.stdout)

    def test_diff(self):
        changed = json.loads(STARTER_POLICY.read_text())
        del changed["tools"]["imageUpload"]
        changed["tools"]["caption"] = {}
        path = self.folder / "changed.policy.json"
        path.write_text(json.dumps(changed))
        done = sluice("policy", "diff", STARTER_POLICY, path)
        self.assertEqual(sorted(done.stdout.splitlines()),
                         ["+ caption: denied → free", "- imageUpload: conditional → denied"])
        self.assertEqual(sluice("policy", "diff", path, path).stdout, "no difference\n")
        self.assertEqual(sluice("policy", "diff", path, "/nonexistent").returncode, 2)

    def test_schemas_that_can_not_be_checked(self):
        tools = self.folder / "tools.json"
        tools.write_text(json.dumps({"tools": [{"name": "t", "inputSchema": {"properties": {"a": {"pattern": "(?=x)"}}}}]}))
        done = sluice("policy", "validate", "-", "--tools", tools, stdin='{"version":"1","default":"allow"}')
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r"tools.json: warning: tool `t`: the pattern `\(\?=x\)` can't be checked by RE2")

    def test_diff_with_recorded_calls(self):
        changed = json.loads(STARTER_POLICY.read_text())
        del changed["tools"]["imageUpload"]
        path = self.folder / "changed.policy.json"
        path.write_text(json.dumps(changed))
        calls = self.folder / "calls.json"
        calls.write_text(json.dumps({"calls": [
            {"at": "2026-01-05T10:00:00Z", "tool": "imageUpload", "arguments": {"image": "x"}},
            {"at": "2026-01-05T10:00:01Z", "tool": "nope"}]}))
        done = sluice("policy", "diff", STARTER_POLICY, path, "--calls", calls)
        self.assertIn("- call 1, imageUpload: allow → deny (default deny)\n", done.stdout)
        self.assertTrue(done.stdout.endswith("of 2 calls 0 gain, 1 lose, 0 change otherwise\n"), done.stdout)
        answer = json.loads(sluice("policy", "diff", path, STARTER_POLICY, "--calls", calls, "--json").stdout)
        self.assertEqual([(call["tool"], call["gain"]) for call in answer["calls"]], [("imageUpload", 2)])
        self.assertEqual(answer["callCount"], 2)
        done = sluice("policy", "diff", path, path, "--calls", path)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("the test file needs `calls`", done.stderr)

    def test_explain_at_another_time(self):
        policy = ('{"version":"1","default":"allow","all_tools":{"require":['
                  '{"path":"time.weekday","op":"lte","value":5},{"path":"request.ip","op":"cidr_in","value":["10.0.0.0/8"]}]}}')
        for at, ip, outcome in [("2026-01-05T10:00:00Z", "10.1.2.3", "allow"), ("2026-01-04T10:00:00Z", "10.1.2.3", "deny"),
                                ("2026-01-05T10:00:00Z", "192.0.2.1", "deny")]:
            done = sluice("policy", "explain", "-", "--tool", "t", "--at", at, "--ip", ip, "--json", stdin=policy)
            self.assertEqual(json.loads(done.stdout)["outcome"], outcome)
        self.assertEqual(sluice("policy", "explain", "-", "--tool", "t", "--at", "noon", stdin=policy).returncode, 2)

    def test_policy_commands_say_what_is_wrong_with_what_they_are_given(self):
        policy = self.folder / "mixed.policy.json"
        policy.write_text('{"version":"1","default":"deny","tools":{"resource:file:///srv/*":{},"t":{}}}')
        test = self.folder / "mixed.policytest.json"
        test.write_text('{"policy":"mixed.policy.json","calls":[{"at":"2026-01-05","tool":"t","ip":"x"}]}')
        odd = self.folder / "odd.json"
        odd.write_text('{"tools":[{"name":"get_book"},\n {"nam":"x"}]}')
        explain = ("policy", "explain", policy, "--tool", "t")
        rows = [
            (("policy", "explain", policy, "--tool", ""), 2, "--tool is empty"),
            ((*explain, "--ip", "localhost"), 2, "--ip is no address: localhost"),
            ((*explain, "--at", "2026-02-30T10:00:00Z"), 2, "--at is no time"),
            ((*explain, "--args", '{"a":}'), 2, "--args is not JSON: at 1:6, `}` can't stand here"),
            ((*explain, "--args", "[]"), 0, "► "),
            ((*explain, "--tools", odd), 2, f"{odd}:2:2: tools[1] has no name"),
            ((*explain, "--tools", policy), 2, "has no list of tools"),
            (("policy", "explain", "", "--tool", "t"), 2, "a file's name is empty"),
            (("policy", "explain", policy, "--tool", "resource:file:///srv/a"), 0, "allow\n"),
            (("policy", "explain", policy, "--tool", "resource:FILE:///srv/a"), 0, "not in its normal form"),
            (("policy", "diff", "-", "-"), 2, "only one of the two policies"),
            (("policy", "diff", policy, policy, "--calls", test), 2, f"{test}:1:46: calls[0].at is a time in UTC"),
            (("policy", "test", test), 1, f"{test}:1:46: calls[0].at is a time in UTC"),
            (("policy", "test", policy), 1, f"{policy}:1:1: this is a policy"),
            (("policy", "validate", self.folder), 2, "Is a directory"),
        ]
        for arguments, code, text in rows:
            done = sluice(*arguments, stdin="")
            self.assertEqual((done.returncode, text in done.stdout + done.stderr), (code, True),
                             (arguments, done.stdout, done.stderr))
        test.write_text('{"policy":"none.json","calls":[]}')
        self.assertIn("can't be read: can't read", sluice("policy", "test", test).stdout)
        # A problem of the policy has its place in the policy's file.
        policy.write_text('{"version":"1","default":"deny","tools":{"t":{"require":[{"path":"time.hour","op":"gt","value":23}]}}}')
        test.write_text('{"policy":"mixed.policy.json","calls":[{"at":"2026-01-05T10:00:00Z","tool":"t",'
                        '"expect":{"outcome":"deny"}}]}')
        self.assertIn(f"{policy}:1:96: warning: this condition never holds, so every call is denied",
                      sluice("policy", "test", test).stdout)

    def test_the_schema_for_editors(self):
        self.assertEqual(sluice("policy", "schema").stdout, (ROOT / "schema/policy.schema.json").read_text())

    def test_import(self):
        source = self.folder / "intercept.yaml"
        source.write_text("""\
version: "1"
default: deny
hide: [drop]
tools:
  refund:
    rules:
      - name: one refund
        conditions: [{path: args.amount, op: lte, value: 200}]
        on_deny: At most 200.
      - {name: ten an hour, rate_limit: 10/hour}
  "*":
    rules: [{name: calm, rate_limit: 60/minute}]
""")
        done = sluice("policy", "import", source)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f'{source}:7: /tools/refund/rules/0 "one refund" -> /tools/refund/require/0\n', done.stderr)
        policy = json.loads(done.stdout)
        self.assertEqual(policy["tools"]["refund"]["require"],
                         [{"path": "args.amount", "op": "lte", "value": 200, "on_deny": "At most 200."}])
        self.assertEqual(sluice("policy", "validate", "-", stdin=done.stdout).stdout, "-: valid\n")
        for amount, outcome in [(200, "allow"), (201, "deny")]:
            said = sluice("policy", "explain", "-", "--tool", "refund", "--args", json.dumps({"amount": amount}), "--json",
                          stdin=done.stdout)
            self.assertEqual(json.loads(said.stdout)["outcome"], outcome)
        answer = json.loads(sluice("policy", "import", "--json", "-", stdin=source.read_text()).stdout)
        self.assertEqual((answer["imported"], answer["format"], answer["policy"]), (True, "intercept", policy))
        # What PolicyLayer publishes stays as it is.
        self.assertEqual(json.loads(sluice("policy", "import", ROOT / "Assets/policies/seed-inpaint-write.policy.json").stdout),
                         json.loads((ROOT / "Assets/policies/seed-inpaint-write.policy.json").read_text()))

    def test_import_refuses_all_at_once(self):
        source = "version: '1'\ntools:\n  t:\n    rules:\n      - {name: a, rate_limit: 5/week}\n      - {name: b, spend: 5}\n"
        done = sluice("policy", "import", "-", stdin=source)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        for says in ["-:5:31: error: ", "import.bad_limit", "-:6:19: error: ", "import.not_sayable", "nothing was written"]:
            self.assertIn(says, done.stderr)
        done = sluice("policy", "import", "-", "--json", stdin=source)
        self.assertEqual(done.returncode, 1)
        answer = json.loads(done.stdout)
        self.assertEqual((answer["imported"], answer["policy"], answer["steps"]), (False, None, []))
        self.assertIn("import.bad_limit", [problem["code"] for problem in answer["problems"]])
        self.assertEqual(sluice("policy", "import", "/nonexistent").returncode, 2)
        self.assertEqual(sluice("policy", "import", "-", "--format", "opa", stdin=source).returncode, 2)

    def test_all_problems_at_once(self):
        path = pathlib.Path(self.folder / "bad.policy.json")
        path.write_text('{\n "version": "2",\n "default": "deny",\n "tools": {"t": {"requires": [], "limits": [{"max": 0}]}}\n}\n')
        done = sluice("policy", "validate", path)
        self.assertEqual(done.returncode, 1)
        for says in [f"{path}:2:", f"{path}:4:", "'require'"]:
            self.assertIn(says.strip("'"), done.stdout)


if __name__ == "__main__":
    import harness
    harness.main()
