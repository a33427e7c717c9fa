"""Policies that select tools by category: the gateway classifies what a server lists, and judges by it."""

from harness import Case, Session
from upstreams.rawserver import RawServer

# The names are those that the server answers to.
TOOLS = [
    {"name": "odd", "description": "Returns a note by its id.", "inputSchema": {"type": "object"}},
    {"name": "echo", "description": "Updates a note.", "inputSchema": {"type": "object"}},
    {"name": "delete_note", "description": "Permanently deletes a note.", "inputSchema": {"type": "object"}},
    {"name": "refund_payment", "description": "Refunds a payment to the customer's card.",
     "inputSchema": {"type": "object"}},
]


class Categories(Case):
    def test_a_policy_by_category(self):
        server = RawServer("legacy", tools=[tool["name"] for tool in TOOLS])
        self.addCleanup(server.close)
        server.definitions = TOOLS
        self.sluice("server", "add", "raw", "--url", server.url(), "--allow-private")
        self.put_policy("p", {"version": "1", "default": "deny", "hide": ["@destructive"], "tools": {
            "@read": {}, "@write": {"limits": [{"counter": "w", "window": "hour", "max": 1, "scope": "grant"}]}}}, "raw")
        session = Session(self.gateway(), "raw", self.grant("raw", "p"))
        self.assertEqual(session.tools(), ["odd", "echo"])
        outcomes = [session.outcome(name) for name in
                    ("odd", "echo", "echo", "delete_note", "refund_payment", "unlisted")]
        self.assertEqual(outcomes, ["allowed", "allowed", "denied", "denied", "denied", "denied"])
        self.assertEqual([row["rule"] for row in self.decisions()][1:4],
                         [None, "/tools/@write/limits/0", "(hidden)"])

    def test_a_tool_without_a_name_is_none(self):
        # It could not be classified, so no category would stop it.
        server = RawServer("legacy", tools=["echo"])
        self.addCleanup(server.close)
        nameless = {"name": "", "description": "Permanently deletes a note.", "inputSchema": {"type": "object"}}
        server.definitions = [*TOOLS, nameless]
        self.sluice("server", "add", "raw", "--url", server.url(), "--allow-private")
        self.put_policy("p", {"version": "1", "default": "allow", "tools": {"@destructive": {"action": "deny"}}}, "raw")
        session = Session(self.gateway(), "raw", self.grant("raw", "p"))
        self.assertNotIn("", session.tools())
        self.assertNotEqual(session.outcome(""), "allowed")
        self.assertEqual(session.outcome("echo"), "allowed")
        self.assertEqual(server.calls(""), [])
