"""The main job: an agent's image call, judged, carried out, and in the ledger."""

import json
import os
import pathlib
import signal
import subprocess

from harness import CLIENTS, DEADLINE, PICTURE, ROOT, Case, until


class MainJob(Case):
    def job(self, client, gateway, token, count, image=None):
        env = {**os.environ, "SLUICE_TOKEN": token}
        if image:
            env["SLUICE_IMAGE"] = image
        done = subprocess.run(
            [CLIENTS[client], ROOT / "Tests/EndToEnd/client_job.py", gateway.url("studio"), PICTURE, str(count)],
            capture_output=True, text=True, timeout=120, env=env)
        self.assertEqual(done.returncode, 0, done.stderr + gateway.stderr)
        return json.loads(done.stdout)

    def check_refusal(self, call):
        self.assertTrue(call["error"])
        self.assertTrue(call["text"].startswith("[POLICY DENIED] "), call["text"])
        self.assertEqual(call["decision"]["outcome"], "denied")
        self.assertEqual(call["decision"]["rule"], "/tools/imageMasking/limits/0")
        self.assertEqual(float(call["decision"]["remaining"]), 0)
        self.assertGreater(call["decision"]["retryAfterMs"], 0)
        self.assertLessEqual(call["decision"]["retryAfterMs"], 60_000)

    def whole_job(self, client):
        token = self.studio()
        gateway = self.gateway()
        job = self.job(client, gateway, token, 31)

        self.assertEqual(job["protocol"], {"mcp-2.3.0": "2026-07-28", "mcp-1.30.0": "2025-11-25"}[client])
        self.assertEqual(sorted(job["tools"]), ["imageMasking", "imageUpload"])
        self.assertFalse(job["upload"]["error"], job["upload"])
        for number, call in enumerate(job["calls"][:30], 1):
            self.assertFalse(call["error"], f"call {number}: {call}")
        self.check_refusal(job["calls"][30])
        self.assertTrue(job["hidden"]["error"])
        self.assertEqual(job["hidden"]["decision"]["rule"], "(default deny)")

        mask = job["calls"][0]["structured"]["result"]["data"][0]
        self.assertEqual(len(mask["detections"]), 1)
        self.assertEqual(pathlib.Path(mask["maskImagePath"]).read_bytes()[:8], b"\x89PNG\r\n\x1a\n")

        decisions = self.decisions()
        outcomes = [row["outcome"] for row in decisions if row["tool"] == "imageMasking"]
        self.assertEqual(outcomes, ["allowed"] * 30 + ["denied"])
        denied = decisions[-2]
        self.assertEqual(denied["rule_alias"], "/tools/imageMasking/limits/imagemasking_rate")
        self.assertEqual(denied["argument_keys"], ["inputImage", "model", "outputFormat"])
        self.assertEqual((denied["policy"], denied["policy_version"]), ("studio", 1))
        self.assertNotIn(job["image"], json.dumps(self.rows()), "an argument's value is in the ledger")
        self.sluice("audit", "verify")

    def test_the_newest_client(self):
        self.whole_job("mcp-2.3.0")

    def test_the_older_client(self):
        self.whole_job("mcp-1.30.0")

    def test_a_killed_gateway_gives_no_quota_back(self):
        token = self.studio()
        gateway = self.gateway()
        first = self.job("mcp-2.3.0", gateway, token, 20)
        self.assertEqual([call["error"] for call in first["calls"]], [False] * 20)
        gateway.end(signal.SIGKILL)

        gateway = self.gateway()
        second = self.job("mcp-2.3.0", gateway, token, 11, image=first["image"])
        self.assertEqual([call["error"] for call in second["calls"]], [False] * 10 + [True])
        self.check_refusal(second["calls"][10])
        outcomes = [row["outcome"] for row in self.decisions() if row["tool"] == "imageMasking"]
        self.assertEqual(outcomes, ["allowed"] * 30 + ["denied"])
        self.sluice("audit", "verify")

    def test_the_demo_that_make_run_shows(self):
        env = {**os.environ, "ONCE": "1", "SLUICE_DATA": str(self.data), "SLUICE_LISTEN": "127.0.0.1:0"}
        for start in ("first", "second"):
            done = subprocess.run([ROOT / "scripts/run"], capture_output=True, text=True, timeout=4 * DEADLINE, env=env)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            lines = done.stdout.splitlines()
            self.assertEqual(sum("imageMasking allowed" in line for line in lines), 30, done.stdout)
            self.assertEqual(sum("imageMasking denied" in line for line in lines), 1, done.stdout)
            path = next(line.split("written to ")[1] for line in lines if "written to " in line)
            self.assertGreater(pathlib.Path(path).stat().st_size, 500)
            self.assertIn("ledger intact:", done.stdout)
            self.assertEqual("sla_" in done.stdout, start == "first")
            self.assertEqual("slg_" in done.stdout, start == "first")
            self.assertEqual('"mcpServers"' in done.stdout, start == "first")

    def test_ctrl_c_ends_the_demo_in_order(self):
        env = {**os.environ, "SLUICE_DATA": str(self.data), "SLUICE_LISTEN": "127.0.0.1:0"}
        log = self.folder / "log"
        with open(log, "w") as output:
            # Whoever runs the tests in the background has SIGINT ignored, and that is inherited.
            run = subprocess.Popen([ROOT / "scripts/run"], stdout=output, stderr=output, env=env, start_new_session=True,
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.addCleanup(lambda: run.poll() is None and (run.terminate(), run.wait(DEADLINE)))
        until(lambda: "Serving until Ctrl-C" in log.read_text(), "the demo to be done")
        os.killpg(run.pid, signal.SIGINT)
        self.assertEqual(run.wait(DEADLINE), 130, log.read_text())
        self.assertIn("sluice: stopping", log.read_text())
        self.assertNotIn("signal", log.read_text())
        # The folder is free again: nothing of it is left running.
        self.gateway()


if __name__ == "__main__":
    import harness
    harness.main()
