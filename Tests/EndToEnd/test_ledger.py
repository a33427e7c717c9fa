"""The ledger: what is in it, that nothing is lost, and that tampering is found."""

import csv
import http.client
import io
import json
import resource
import signal
import sqlite3
import threading

from harness import Case, Session, until


class Ledger(Case):
    def filled(self, calls=5):
        _, gateway, token = self.fake()
        session = Session(gateway, "fake", token)
        for number in range(calls):
            self.assertEqual(session.outcome("echo", {"secret": f"value-{number}", "b": 1}), "allowed")
        gateway.end()

    def database(self):
        connection = sqlite3.connect(self.data / "sluice.db")
        self.addCleanup(connection.close)
        return connection

    def table(self, connection):
        """The ledger's table: the one with the chain."""
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall():
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
            if "request_id" in columns and "hash" in columns:
                return name
        raise AssertionError("no table looks like the ledger")

    def test_rows(self):
        self.filled()
        rows = self.rows()
        self.assertEqual([row["seq"] for row in rows], list(range(1, len(rows) + 1)))
        decision = self.decisions()[0]
        self.assertEqual((decision["server"], decision["tool"], decision["outcome"]), ("fake", "echo", "allowed"))
        self.assertEqual(decision["grant_label"], "test")
        self.assertEqual(decision["argument_keys"], ["b", "secret"])
        self.assertEqual(len(decision["argument_digest"]), 64)
        self.assertNotEqual(decision["argument_digest"], self.decisions()[1]["argument_digest"])
        outcome = next(row for row in rows if row["decision_seq"] == decision["seq"])
        self.assertEqual(outcome["outcome"], "allowed")
        self.assertGreater(outcome["latency_us"], 0)
        for path in self.data.glob("sluice.db*"):
            self.assertNotIn(b"value-3", path.read_bytes(), "an argument's value is stored")

    def test_verify_finds_a_changed_row(self):
        self.filled()
        self.assertIn("intact", self.sluice("audit", "verify").stdout)
        database = self.database()
        table = self.table(database)
        database.execute(f"UPDATE {table} SET tool = 'other' WHERE seq = 3 OR tool IS NOT NULL AND seq = "
                         f"(SELECT max(seq) FROM {table} WHERE tool IS NOT NULL)")
        database.commit()
        done = self.sluice("audit", "verify", code=1)
        self.assertIn("broken at row", done.stdout)
        self.assertFalse(json.loads(self.sluice("audit", "verify", "--json", code=1).stdout)["intact"])
        self.sluice("doctor", code=1)

    def test_verify_finds_a_missing_row(self):
        self.filled()
        database = self.database()
        table = self.table(database)
        database.execute(f"DELETE FROM {table} WHERE seq = 4")
        database.commit()
        self.assertIn("broken at row 4", self.sluice("audit", "verify", code=1).stdout)

    def test_verify_finds_a_missing_end(self):
        self.filled()
        database = self.database()
        table = self.table(database)
        database.execute(f"DELETE FROM {table} WHERE seq > (SELECT max(seq) - 2 FROM {table})")
        database.commit()
        self.assertIn("broken", self.sluice("audit", "verify", code=1).stdout)

    def test_no_decision_is_lost_by_a_kill(self):
        upstream, gateway, token = self.fake()
        session = Session(gateway, "fake", token)
        for _ in range(50):
            session.call("echo")
        gateway.end(signal.SIGKILL)
        self.assertEqual(len(self.decisions()), len(upstream.calls))
        self.sluice("audit", "verify")

    def killed_with_a_journal(self, calls):
        """A gateway that was killed when decisions were in its journal and none of them in the database."""
        _, gateway, token = self.fake()
        session = Session(gateway, "fake", token)
        database = self.database()
        database.execute("BEGIN IMMEDIATE")
        for _ in range(calls):
            self.assertEqual(session.outcome("echo", {"text": "x"}), "allowed")
        gateway.end(signal.SIGKILL)
        database.rollback()
        return self.data / "ledger-0.journal"

    def verified(self, code, **more):
        return json.loads(self.sluice("audit", "verify", "--json", code=code, **more).stdout)

    def test_what_is_in_the_journal_only_is_told(self):
        journal = self.killed_with_a_journal(3)

        def full():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (32768, resource.RLIM_INFINITY))

        left = journal.read_bytes()
        database = self.database()
        database.execute("CREATE TABLE filler (x)")  # So that the log is longer than what may be written.
        database.execute("INSERT INTO filler VALUES (zeroblob(100000))")
        database.commit()
        verdict = self.verified(3, before=full)
        self.assertEqual((verdict["intact"], verdict["checked"]), (True, 0))
        self.assertEqual((verdict["unchecked"]["first"], verdict["unchecked"]["cause"]), (1, "refused"))
        self.assertIn("journal", self.sluice("doctor", code=1, before=full).stdout)
        self.assertEqual(journal.read_bytes(), left)
        # Somebody takes the first record away: what is behind it is of no ledger.
        journal.write_bytes(left[48 + int.from_bytes(left[4:8], "big"):])
        verdict = self.verified(1)
        self.assertEqual((verdict["breach"]["seq"], verdict["breach"]["kind"]), (1, "truncated"))
        self.assertEqual(verdict["unchecked"]["cause"], "gap")
        self.sluice("doctor", code=1)
        journal.write_bytes(left)
        self.assertNotIn("unchecked", self.verified(0))
        self.assertEqual([row["outcome"] for row in self.decisions()], ["allowed"] * 3)
        self.sluice("doctor")

    def test_a_kill_amid_many_calls(self):
        """Whatever the moment of the kill: each call that went on is recorded, and the limit holds over both lives."""
        limit = 150
        policy = {"version": "1", "default": "deny", "tools": {
            "echo": {"limits": [{"counter": "c", "window": "hour", "max": limit, "scope": "grant"}]}}}
        upstream, gateway, token = self.fake(policy)

        def caller(session):
            try:
                while session.outcome("echo") == "allowed":
                    pass
            except (OSError, http.client.HTTPException):
                pass  # The gateway was killed.

        def callers(gateway):
            sessions = [Session(gateway, "fake", token) for _ in range(6)]
            threads = [threading.Thread(target=caller, args=(session,)) for session in sessions]
            for thread in threads:
                thread.start()
            return threads

        threads = callers(gateway)
        until(lambda: len(upstream.calls) >= limit // 2, "half of the calls")
        gateway.end(signal.SIGKILL)
        for thread in threads:
            thread.join()
        self.assertLess(len(upstream.calls), limit)

        gateway = self.gateway()
        for thread in callers(gateway):
            thread.join()
        allowed = [row for row in self.decisions() if row["outcome"] == "allowed"]
        self.assertEqual(len(allowed), limit, "the limit did not hold, or quota was lost that nobody took")
        self.assertLessEqual(len(upstream.calls), limit)
        # At most the calls that were in flight at the kill were recorded without going on.
        self.assertGreaterEqual(len(upstream.calls), limit - len(threads))
        self.sluice("audit", "verify")

    def test_tail_query_and_export(self):
        upstream, gateway, token = self.fake({"version": "1", "default": "deny", "tools": {"echo": {}}})
        session = Session(gateway, "fake", token)
        session.call("echo")
        denied = session.call("slow")
        lines = [line for line in self.sluice("audit", "tail", "-n", "5").stdout.splitlines() if "fake/" in line]
        self.assertRegex(lines[-2], r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}  allowed  fake/echo  test$")
        self.assertRegex(lines[-1], r"  denied  fake/slow  test  \(default deny\)  ")
        found = self.sluice("audit", "query", "--outcome", "denied", "--since", "1h", "--json").stdout.splitlines()
        self.assertEqual([json.loads(line)["tool"] for line in found], ["slow"])
        by_id = self.sluice("audit", "query", "--request-id", denied.fields["x-request-id"], "--json").stdout
        self.assertEqual(json.loads(by_id)["tool"], "slow")
        table = list(csv.DictReader(io.StringIO(self.sluice("audit", "export", "--format", "csv").stdout)))
        self.assertEqual([row["seq"] for row in table], [str(row["seq"]) for row in self.rows()])
        self.assertEqual({row["outcome"] for row in table}, {"allowed", "denied"})
        self.assertEqual(len(upstream.calls), 1)

    def test_refusals_before_a_decision_are_there_too(self):
        _, gateway, token = self.fake()
        session = Session(gateway, "fake", token)
        self.sluice("grant", "revoke", "test")
        answer = session.call("echo")
        self.assertEqual(answer.status, 401)
        # Nothing is forwarded, so nobody waits for this row: it may come a moment after the answer.
        rows = until(lambda: [row for row in self.rows() if row["request_id"] == answer.fields["x-request-id"]],
                     "the refusal to be in the ledger")
        self.assertEqual([row["outcome"] for row in rows], ["denied"])


if __name__ == "__main__":
    import harness
    harness.main()
