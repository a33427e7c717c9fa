import Scanner
import Testing

@Suite struct VisibleTests {
    @Test(arguments: [
        ("plain name_1", "plain name_1"), ("red\u{1B}[31m", "red<U+001B>[31m"), ("a\u{200B}b", "a<U+200B>b"),
        ("a\nb", "a b"), ("käse", "käse"), ("\u{202E}x", "<U+202E>x"), ("\u{E0041}", "<U+E0041>"),
    ])
    func nothingMovesTheCursor(text: String, shown: String) {
        #expect(Visible.text(text) == shown)
    }

    @Test func longTextsAreCut() {
        #expect(Visible.text("abcdef", limit: 3) == "abc…")
        #expect(Visible.text("abc", limit: 3) == "abc")
        #expect(Visible.lines("a\u{7}\nb") == "a<U+0007>\nb")
    }

    @Test(arguments: [
        ("https://example.com/mcp", "https://example.com/mcp"),
        ("https://example.com/mcp?key=1", "https://example.com/mcp?…"),
        ("https://me:pass@example.com/mcp", "https://…@example.com/mcp"),
        ("https://example.com/s/0a1b2c3d4e5f6a7b8c9d0e1f/mcp", "https://example.com/s/…/mcp"),
    ])
    func addressesWithoutKeys(url: String, shown: String) {
        #expect(Redaction.url(url) == shown)
    }

    @Test(arguments: [
        (["npx", "-y", "@scope/server@1.2.3", "/srv/files"], "npx -y @scope/server@1.2.3 /srv/files"),
        (["server", "--api-key", "abc", "--port", "80"], "server --api-key … --port 80"),
        (["server", "--token=abc", "--name=x"], "server --token=… --name=x"),
        (
            ["npx", "mcp-remote", "https://a.b/c?k=v", "--header", "Authorization: Bearer x"],
            "npx mcp-remote https://a.b/c?… --header …"
        ),
        (["env", "GITHUB_TOKEN=abc", "run"], "env GITHUB_TOKEN=… run"),
        (["run", "ghp_0123456789abcdef"], "run …"),
        (["run", "X-Api-Key: abc"], "run X-Api-Key:…"),
    ])
    func commandsWithoutKeys(words: [String], shown: String) {
        #expect(Redaction.command(words) == shown)
    }

    @Test func knownValuesAreTakenOut() {
        #expect(Redaction.without(["sekret-1", "ab"], in: "the sekret-1 of ab is sekret-1") == "the … of ab is …")
    }
}
