import Catalogue
import JSON
import MCP
import Scanner
import Store
import Support
import Testing

/// The files that name servers or hold lists, read without any of them being asked.
@Suite struct FileTests {
    private func servers(_ text: String, _ name: String = "mcp.json") throws -> [NamedServer] {
        try ClientConfiguration.servers(in: Array(text.utf8), name: name)
    }

    private func shown(_ text: String, _ name: String = "mcp.json") throws -> [String] {
        try servers(text, name).map { "\($0.line) \($0.name): \($0.shown)" }
    }

    @Test func commentsAndCommasWhereverTheyStand() throws {
        let text = """
            \u{FEFF}{ // "mcpServers": {}
              /* { */ "mcpServers": {
                "a": {"command": "x", "args": ["// no comment", "/* neither */", 3,],},
                // "b": {"command": "y"},
              },
            }
            """
        #expect(try shown(text) == ["3 a: x // no comment /* neither */ 3"])
    }

    @Test func everyPlaceOfServers() throws {
        let entry = #"{"url":"https://h/x"}"#
        for text in [
            #"{"mcpServers":{"a":\#(entry)}}"#, #"{"servers":{"a":\#(entry)}}"#,
            #"{"mcp":{"servers":{"a":\#(entry)}}}"#,
            #"{"projects":{"/p":{"mcpServers":{"a":\#(entry)}},"/q":{"other":1}}}"#, #"{"a":\#(entry)}"#,
        ] { #expect(try shown(text) == ["1 a: https://h/x"], "\(text)") }
        let toml = "[other]\nx = 1\n\n[mcp_servers.a]\nurl = \"https://h/x\"\n[mcp_servers.a.tools.t]\ny = 2\n"
        #expect(try shown(toml, "config.toml") == ["4 a: https://h/x"])
        #expect(try shown("mcp_servers.a.url = 'https://h/x'", "config.toml") == ["1 a: https://h/x"])
        #expect(try shown("mcp_servers = {a = {url = 'https://h/x'}}", "config.toml") == ["1 a: https://h/x"])
        #expect(try shown(#"{"mcpServers":{}}"#).isEmpty)
        let twice = #"{"mcpServers":{"a":\#(entry)},"projects":{"/p":{"mcpServers":{"a":\#(entry)}}}}"#
        #expect(try servers(twice).map(\.name) == ["a", "a-2"])
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"mcpServers":[]}"#, #"{"mcpServers":{"a":{},"a":{}}}"#, #"{"a":1"#, "/* ", "{\"a\": \"",
        #"{"a":{"x":1}}"#, "x",
    ])
    func whatIsNoConfiguration(text: String) {
        #expect(throws: ScanError.self) { try servers(text) }
    }

    @Test(arguments: [
        "[a", "[a]]", "a = ", "a = [1", "a = {b = 1", "a = \"x", "a = '''x", "a = \"\\q\"", "a = 1 b = 2", "= 1",
        "a.b.",
        "a = 1\na = 2", "a = 1\n[a]\nb = 1", "a = 1\n[a.b]", "[[a]]\n[a]\n[[a]]x",
    ])
    func whatIsNoTOML(text: String) {
        #expect(throws: ScanError.self) { try servers(text + "\n[mcp_servers.a]\ncommand='x'", "config.toml") }
    }

    @Test func textsOfTOML() throws {
        let toml = #"""
            [mcp_servers."a b"]
            command = "x\t\u00e9"
            args = [
              'lit\n', # a comment
              """long
            text""",
              '''
            x''', true, 1_000, 1979-05-27,
            ]
            """#
        let server = try #require(try servers(toml, "config.toml").first)
        guard case .command(let words, _, _, _) = server.way else { return #expect(Bool(false)) }
        #expect(words == ["x\té", "lit\\n", "long\ntext", "x", "true", "1_000", "1979-05-27"])
        #expect(server.name == "a b")
    }

    /// Whatever a file holds, it is read or refused.
    @Test func bytesAtRandom() throws {
        var random = SeededGenerator(seed: 5)
        let seeds = [
            "mcp_servers.\"a\" = {command = 'x', args = [1, \"\"\"y\"\"\", '''z''']}\n[[b]]\nc = 1979-05-27 # d\n",
            #"{/* c */ "mcpServers": {"a": {"command": "x", "args": ["\u00e9", 1,], "env": {"K": true}},}} // end"#,
            #"{"server":{"name":"n","packages":[{"registryType":"npm","identifier":"x"}],"remotes":[{"url":"https://h"}]}}"#,
            #"{"tools":[{"name":"a","inputSchema":{"type":"object"}}],"nextCursor":"c"}"#,
        ]
        for round in 0..<4_000 {
            var bytes = Array(seeds[round % seeds.count].utf8)
            for _ in 0...random.below(4) where !bytes.isEmpty {
                let place = random.below(bytes.count)
                switch random.below(4) {
                case 0: bytes.remove(at: place)
                case 1: bytes[place] = random.pick(Array("{}[]\"'\\,:=#/*.\n\r a1".utf8))
                case 2: bytes.insert(contentsOf: random.bytes(2), at: place)
                default: bytes = Array(bytes[..<place])
                }
            }
            _ = try? ClientConfiguration.servers(in: bytes, name: round % 4 == 0 ? "c.toml" : "c.json")
            _ = try? RegistryEntry.read(bytes, name: "server.json")
            _ = try? SavedTools.read(bytes, name: "t.json", fallback: "t")
        }
    }

    @Test func variables() throws {
        let text = #"""
            {"mcpServers":{"a":{"command":"${workspaceFolder}/x","args":["${env:A}","${A}","${B:-b}","$A","${A","plain"],
            "env":{"K":"${A}"},"cwd":"${userHome}"},"b":{"url":"https://h/${NO}"},"c":{"url":"https://h/","headers":{"X":"${input:k}"}}}}
            """#
        let all = try servers(text)
        let environment = ["A": "1", "HOME": "/home/me"]
        #expect(all.map(\.usesVariables) == [true, true, true])
        let (transport, missing) = all[0].transport(environment: { environment[$0] }, folder: "/w")
        #expect(missing == nil)
        guard case .stdio(let words, _, let variables, let directory)? = transport else { return #expect(Bool(false)) }
        #expect(words == ["/w/x", "1", "1", "b", "$A", "${A", "plain"])
        #expect(variables.map(\.value.revealed) == ["1"])
        #expect(directory == "/home/me")
        #expect(all[1].transport(environment: { environment[$0] }, folder: "/").missing?.contains("NO") == true)
        #expect(all[2].transport(environment: { environment[$0] }, folder: "/").missing?.contains("input:k") == true)
    }

    @Test func secretsAreNotShown() throws {
        let all = try servers(
            #"""
            {"mcpServers":{"a":{"command":"x","args":["--token","abc"],"env":{"K":"sekret-123"}},
            "b":{"url":"https://u:p@h/?k=sekret-123","headers":{"A":"sekret-123"}}}}
            """#)
        #expect(all.map(\.shown) == ["x --token …", "https://…@h/?…"])
        #expect(all.map(\.secrets) == [["sekret-123"], ["sekret-123"]])
    }

    @Test func codexNamesVariables() throws {
        let toml = """
            [mcp_servers.a]
            url = "https://h/x"
            bearer_token_env_var = "TOKEN"
            env_http_headers = { "X-Key" = "KEY" }
            enabled = false
            """
        let server = try #require(try servers(toml, "config.toml").first)
        #expect(server.isDisabled)
        guard case .address(_, let headers) = server.way else { return #expect(Bool(false)) }
        #expect(headers.map(\.text) == ["${KEY}", "Bearer ${TOKEN}"])
    }

    @Test func theRegistrysPage() throws {
        let text = #"""
            {"server":{"name":"io.x/y","version":"1.0.0","remotes":[{"type":"sse","url":"https://h/sse"},
            {"type":"sse","url":"https://{a}/"},{"type":"sse","url":"https://h","headers":[{"name":"K","isRequired":true}]}],
            "packages":[{"registryType":"pypi","identifier":"y","version":"1.0.0","transport":{"type":"stdio"},
            "packageArguments":[{"type":"named","name":"--mode","value":"fast"},{"type":"positional","value":"{blank}"}]},
            {"registryType":"oci","identifier":"docker.io/y:1","transport":{"type":"stdio"}},
            {"registryType":"npm","identifier":"-x"},{"registryType":"mcpb","identifier":"https://z"},
            {"registryType":"npm","identifier":"y","environmentVariables":[{"name":"KEY","isRequired":true}]}]}}
            """#
        let entry = try RegistryEntry.read(Array(text.utf8), name: "server.json")
        #expect(entry.name == "io.x/y")
        #expect(
            entry.ways.map { way in if case .unusable = way.way { "–" } else { way.shown } } == [
                "https://h/sse", "–", "–", "uvx y==1.0.0 --mode fast", "docker run --rm -i docker.io/y:1", "–", "–",
                "–",
            ])
        #expect(entry.ways[0].isForeign)
        #expect(throws: ScanError.self) { try RegistryEntry.read(Array(#"{"tools":[]}"#.utf8), name: "x") }
    }
}
