"""`sluice client-config`: golden files of what it makes of files that people have, and what it leaves alone."""

import json
import os
import pathlib
import re
import stat
import sys
import tomllib
import unittest

from harness import ROOT, SLUICE, Case, main, sluice

GOLDEN = ROOT / "Tests/EndToEnd/client_config"
CLIENTS = ["claude-desktop", "claude-code", "cursor", "vscode", "codex", "gemini-cli"]
TOKEN = {"SLUICE_TOKEN": "slg_x"}


def plain(text):
    """Parses JSON with comments and trailing commas, in a way of its own."""
    text = re.sub(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', lambda m: m.group(1) or "", text, flags=re.S)
    text = re.sub(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])', lambda m: m.group(1) or "", text, flags=re.S)
    return json.loads(text)


def parsed(client, data):
    return tomllib.loads(data.decode()) if client == "codex" else plain(data.decode())


class ClientConfigFiles(Case):
    def install(self, client, path, *words, code=0, env=TOKEN):
        done = sluice("client-config", "studio", "--client", client, "--write", "--file", path, *words, env=env)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def backups(self):
        return sorted(self.folder.glob("*.backup-*"))

    def test_golden_files(self):
        names = sorted(path.name.removesuffix(".before") for path in GOLDEN.glob("*.before"))
        self.assertGreaterEqual(len(names), 8)
        for name in names:
            with self.subTest(name):
                client = next(client for client in CLIENTS if name.startswith(client))
                before, after = ((GOLDEN / f"{name}.{part}").read_bytes() for part in ("before", "after"))
                path = self.folder / name
                path.write_bytes(before)
                path.chmod(0o640)
                self.install(client, path)
                self.assertEqual(path.read_bytes().decode(), after.decode())
                self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o640)
                parsed(client, after)
                [backup] = self.folder.glob(f"{name}.backup-*")
                self.assertEqual(backup.read_bytes(), before)
                # Once more: nothing to do, so nothing is touched.
                touched = path.stat().st_mtime_ns
                done = self.install(client, path, "--json")
                self.assertFalse(json.loads(done.stdout)["changed"])
                self.assertEqual(path.stat().st_mtime_ns, touched)
                self.assertEqual(len(list(self.folder.glob(f"{name}.backup-*"))), 1)

    def test_there_and_back_changes_only_the_one_server(self):
        for name in sorted(path.name.removesuffix(".before") for path in GOLDEN.glob("*.before")):
            with self.subTest(name):
                client = next(client for client in CLIENTS if name.startswith(client))
                section = {"vscode": "servers", "codex": "mcp_servers"}.get(client, "mcpServers")
                path = self.folder / name
                path.write_bytes((GOLDEN / f"{name}.before").read_bytes())
                old = parsed(client, path.read_bytes()) if path.read_bytes() else {}
                self.install(client, path)
                self.install(client, path, "--", "/bin/cat", "a b", env={})
                new = parsed(client, path.read_bytes())
                entry = new[section].pop("studio")
                self.assertEqual(entry["command"], os.path.realpath(SLUICE))
                self.assertEqual(entry["args"], ["wrap", "--name", "studio", "--", "/bin/cat", "a b"])
                self.assertFalse({"url", "httpUrl", "headers", "http_headers", "env"} & set(entry))
                old.setdefault(section, {}).pop("studio", None)
                self.assertEqual(new, old)

    def test_a_broken_file_is_left_alone_and_the_place_named(self):
        broken = [
            ("cursor", '{"mcpServers": {"a": }}', "line 1, column 22"),
            ("cursor", '{\n  "mcpServers": [],\n}', '"mcpServers" is no object'),
            ("cursor", '{"mcpServers": {}, "mcpServers": {}}', "twice"),
            ("cursor", '{"a": /* ', "line 1, column 7"),
            ("claude-code", '{\n  // no\n}', "line 2, column 3: this client's file is plain JSON"),
            ("claude-desktop", '{"a": 1,}', "column 8"),
            ("gemini-cli", '{} {}', "something follows"),
            ("vscode", '[1]', "no JSON object"),
            ("vscode", '{"a": "\\x"}', "column 7"),
            ("codex", 'model = gpt', "line 1, column 9"),
            ("codex", 'a = 1\n[mcp_servers.studio\n', "line 2"),
            ("codex", 'a = """x', "does not end"),
            ("codex", '[mcp_servers]\nstudio = { command = "x" }\n', "line 2, column 1: the server is written in a way"),
            ("codex", 'mcp_servers.studio.command = "x"\n', "line 1"),
            ("codex", '[mcp_servers.studio]\n[a]\n[mcp_servers.studio]\n', "line 3, column 1: the server's table is there twice"),
        ]
        for number, (client, text, words) in enumerate(broken):
            with self.subTest(text):
                path = self.folder / f"{number}"
                path.write_text(text)
                done = self.install(client, path, code=2)
                self.assertIn(words, done.stderr)
                self.assertEqual(path.read_text(), text)
        self.assertEqual(self.backups(), [])

    def test_usual_places(self):
        home = self.folder / "home"
        home.mkdir()
        places = {
            "claude-desktop": ".config/Claude/claude_desktop_config.json", "cursor": ".cursor/mcp.json",
            "codex": ".codex/config.toml", "gemini-cli": ".gemini/settings.json", "claude-code": ".mcp.json",
            "vscode": ".vscode/mcp.json",
        }
        here = os.getcwd()
        os.chdir(home)
        self.addCleanup(os.chdir, here)
        for client, place in places.items():
            with self.subTest(client):
                env = {**TOKEN, "HOME": str(home), "XDG_CONFIG_HOME": "", "CODEX_HOME": ""}
                done = sluice("client-config", "studio", "--client", client, "--write", env=env)
                self.assertEqual(done.returncode, 0, done.stderr)
                path = home / place
                self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
                self.assertIn("7420/mcp/studio", path.read_text())
                parsed(client, path.read_bytes())
                os.chdir(home)

    def test_links_stay_links(self):
        real = self.folder / "dotfiles.json"
        real.write_text("{}")
        link = self.folder / "mcp.json"
        link.symlink_to(real)
        self.install("cursor", link)
        self.assertTrue(link.is_symlink())
        self.assertIn("studio", json.loads(real.read_text())["mcpServers"])

    def test_dry_run_prints_and_changes_nothing(self):
        path = self.folder / "mcp.json"
        path.write_text("{}\n")
        done = self.install("cursor", path, "--dry-run")
        self.assertIn("studio", json.loads(done.stdout)["mcpServers"])
        self.assertEqual(path.read_text(), "{}\n")
        self.assertEqual(self.backups(), [])

    def test_no_placeholder_is_written(self):
        path = self.folder / "mcp.json"
        done = self.install("cursor", path, code=2, env={"SLUICE_TOKEN": ""})
        self.assertIn("SLUICE_TOKEN", done.stderr)
        self.assertFalse(path.exists())

    def test_the_token_can_stay_in_a_variable_of_the_client(self):
        shapes = {"claude-code": "Bearer ${MY_TOKEN}", "cursor": "Bearer ${env:MY_TOKEN}", "vscode": "Bearer ${env:MY_TOKEN}",
                  "gemini-cli": "Bearer ${MY_TOKEN}", "codex": 'bearer_token_env_var = "MY_TOKEN"'}
        for client, words in shapes.items():
            with self.subTest(client):
                done = sluice("client-config", "s", "--client", client, "--token-env", "MY_TOKEN", env=TOKEN)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn(words, done.stdout)
                self.assertNotIn("slg_x", done.stdout)
        done = sluice("client-config", "s", "--client", "claude-desktop", "--token-env", "MY_TOKEN")
        self.assertEqual(done.returncode, 2)

    def test_a_folder_or_an_unreadable_path_is_refused(self):
        self.assertIn("no regular file", self.install("cursor", self.folder, code=2).stderr)

    def test_wrap_wants_what_belongs_to_it(self):
        for words, text in [
            (["--policy", "/nowhere", "--", "cat"], "can't read /nowhere"), (["--policy", "p"], "for 'sluice wrap'"),
            (["--url", "http://127.0.0.1:1/mcp"], "--allow-private"), (["--token-env", "A", "--", "cat"], "--token-env"),
            (["--url", "http://8.8.8.8/mcp", "--", "cat"], "not both"), (["--token-env", "A B"], "environment variable"),
        ]:
            with self.subTest(words):
                done = sluice("client-config", "s", "--client", "cursor", *words)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(text, done.stderr)


if __name__ == "__main__":
    main()
