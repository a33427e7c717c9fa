"""The admin plane of a running gateway: who may look, what there is to see, and that a change takes effect."""

import json
import re

from harness import Case, Session, request


class Admin(Case):
    def setUp(self):
        super().setUp()
        self.fake_upstream, self.gw, self.token = self.fake()
        host, _, port = self.gw.ready["admin"].rpartition(":")
        self.admin = (host, int(port))
        self.key = self.gw.ready["admin_token"]

    def get(self, path, token=None, **fields):
        bearer = {"Authorization": f"Bearer {token or self.key}"}
        return request(self.admin, "GET", path, **{**bearer, **fields})

    def test_nothing_without_a_token(self):
        for path in ["/api/v1/status", "/api/v1/decisions", "/api/v1/grants", "/metrics"]:
            with self.subTest(path):
                answer = self.get(path, Authorization=None)
                self.assertEqual(answer.status, 401)
                self.assertEqual(answer.fields["content-type"].split(";")[0], "application/problem+json")
        self.assertEqual(self.get("/api/v1/status", token=self.token).status, 401, "a grant's token opened it")
        self.assertEqual(self.get("/api/v1/status", Host="evil.example").status, 403)

    def test_what_there_is_to_see(self):
        session = Session(self.gw, "fake", self.token)
        session.call("echo", {"secret": "value-1"})
        self.put_policy("p", {"version": "1", "default": "deny"}, "fake")
        session.call("echo")
        self.assertEqual(self.get("/api/v1/status").status, 200)
        decisions = self.get("/api/v1/decisions")
        self.assertIn("(default deny)", decisions.body.decode())
        self.assertNotIn("value-1", decisions.body.decode())
        metrics = self.get("/metrics").body.decode()
        self.assertRegex(metrics, re.compile(r"^sluice_\w+(\{[^}]*\})? [0-9.e+]+$", re.M))
        self.assertTrue(json.loads(self.get("/api/openapi.json").body)["openapi"].startswith("3.1"))
        page = self.get("/", Authorization=None)
        self.assertEqual((page.status, page.fields["content-type"].split(";")[0]), (200, "text/html"))
        self.assertIn("default-src", page.fields["content-security-policy"])

    def test_sign_in(self):
        answer = request(self.admin, "POST", "/api/v1/session", Authorization=f"Bearer {self.key}")
        self.assertEqual(answer.status, 201)
        cookie = answer.fields["set-cookie"]
        for word in ["HttpOnly", "SameSite=Strict"]:
            self.assertIn(word, cookie)
        self.assertNotIn(self.key, cookie)
        pair = cookie.split(";")[0]
        self.assertEqual(self.get("/api/v1/status", Authorization=None, Cookie=pair).status, 200)

    def test_roles_and_tokens(self):
        made = json.loads(self.sluice("admin-token", "create", "--label", "eyes", "--role", "viewer", "--json").stdout)
        self.assertEqual(self.get("/api/v1/status", token=made["token"]).status, 200)
        grant = json.loads(self.sluice("grant", "list", "--json").stdout)[0]["id"]
        path = next(path for path, methods in json.loads(self.get("/api/openapi.json").body)["paths"].items()
                    if "revoke" in path and "post" in methods).replace("{id}", grant).replace("{grant}", grant)
        refused = request(self.admin, "POST", path, Authorization=f"Bearer {made['token']}")
        self.assertEqual(refused.status, 403, "a viewer may change something")
        session = Session(self.gw, "fake", self.token)
        self.assertEqual(session.outcome("echo"), "allowed")
        done = request(self.admin, "POST", path, Authorization=f"Bearer {self.key}")
        self.assertIn(done.status, (200, 204), done.body)
        self.assertEqual(session.call("echo").status, 401)
        self.sluice("admin-token", "revoke", made["id"])
        self.assertEqual(self.get("/api/v1/status", token=made["token"]).status, 401)
        self.assertNotIn("eyes", self.sluice("admin-token", "list").stdout)


if __name__ == "__main__":
    import harness
    harness.main()
