import JSON
import MCP
import Support
import Testing

@Suite struct ToolNamingTests {
    private let naming = ToolNaming(digest: fakeDigest)

    @Test(arguments: [
        ("files", "read", "files__read"), ("a-b_c", "x__y", "a-b_c__x__y"), ("a", "_x", "a___x"),
        ("s", String(repeating: "t", count: 61), "s__" + String(repeating: "t", count: 61)),
    ])
    func shortNamesArePlain(server: String, tool: String, exposed: String) {
        #expect(naming.exposed(tool, of: server) == exposed)
    }

    @Test(arguments: [
        ("s", String(repeating: "t", count: 62)), ("s", "a.b"), ("s", "a/b"), ("s", "ü"), ("s", ""), ("s", "a b"),
        ("s_", "x"), (String(repeating: "s", count: 63), "x"), ("s", "x_h0123456789ab"), ("s", "\u{1F600}\u{0}"),
        (String(repeating: "s", count: 63), String(repeating: "t", count: 128)),
    ])
    func otherNamesAreHashed(server: String, tool: String) {
        let exposed = naming.exposed(tool, of: server)
        #expect(exposed.utf8.count <= ToolNaming.maximumLength)
        #expect(
            exposed.utf8.allSatisfy {
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-".utf8.contains($0)
            })
        #expect(exposed.utf8.dropLast(12).suffix(2).elementsEqual("_h".utf8))
        #expect(exposed.hasPrefix(server.prefix(24) + "__"))
        // The hashed name of a hashed name is another: it can't be taken for the plain one of a tool that is called so.
        #expect(naming.exposed(String(exposed.dropFirst(server.count + 2)), of: server) != exposed)
    }

    @Test func namesDoNotDependOnEachOther() {
        var table = NameTable(naming)
        table.set(["read", "a.b"], of: "files")
        let before = table.exposed("a.b", of: "files")
        table.set((0..<500).map { "tool.\($0)" } + ["read"], of: "other")
        #expect(table.exposed("a.b", of: "files") == before)
        table.remove("other")
        #expect(table.exposed("a.b", of: "files") == before)
        #expect(table.target(of: "other__read") == nil)
        #expect(table.target(of: "files__read") == NameTable.Target(server: "files", name: "read"))
        table.set(["read"], of: "files")
        #expect(table.exposed("a.b", of: "files") == nil)
        #expect(before.flatMap { table.target(of: $0) } == nil)
    }

    /// Random names of random servers: what is exposed leads back, and no two share a name.
    @Test(arguments: 0..<10) func namesAreReversible(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var table = NameTable(naming)
        var all: [NameTable.Target] = []
        for server in [
            "a", "a_", "a-", "a_b", "b", "b_h", String(repeating: "c", count: 30), String(repeating: "c", count: 31),
        ] {
            var names: Set<String> = []
            for _ in 0..<200 {
                let pieces = (0..<(1 + random.below(6))).map { _ in
                    random.pick([
                        "a", "_", "__", "b", "-", ".", "é", "_h0123456789ab", String(repeating: "t", count: 20),
                    ])
                }
                names.insert(pieces.joined())
            }
            table.set(Array(names), of: server)
            all += names.map { NameTable.Target(server: server, name: $0) }
        }
        #expect(table.collisions.isEmpty)
        for target in all {
            let exposed = table.exposed(target.name, of: target.server)
            #expect(exposed.flatMap { table.target(of: $0) } == target)
        }
        #expect(Set(all.map { naming.exposed($0.name, of: $0.server) }).count == all.count)
    }

    @Test func aCollisionIsFoundAndNeitherIsShown() {
        var table = NameTable(ToolNaming { _ in [UInt8](repeating: 7, count: 32) })
        table.set(["a.b", "fine"], of: "s")
        table.set(["a/b"], of: "s2")
        #expect(table.collisions.isEmpty)
        table.set(["a.b", "a/b", "fine"], of: "s")
        #expect(table.collisions.map { Set($0.targets.map(\.name)) } == [["a.b", "a/b"]])
        #expect(table.exposed("a.b", of: "s") == nil)
        #expect(table.exposed("a/b", of: "s") == nil)
        #expect(table.exposed("fine", of: "s") == "s__fine")
    }
}

@Suite struct ServerURITests {
    @Test(arguments: [
        ("files", "file:///home/a", "sluice.files+file:///home/a"), ("a_b", "urn:isbn:1", "sluice.a.b+urn:isbn:1"),
        ("a-1", "mailto:x@y", "sluice.a-1+mailto:x@y"),
        ("9", "http://[::1]:80/a?b#c", "sluice.9+http://[::1]:80/a?b#c"),
        ("s", "file:///{path}", "sluice.s+file:///{path}"), ("s", "{scheme}://x", "sluice.s:{scheme}://x"),
        ("s", "notes", "sluice.s:notes"), ("s", "a/b:c", "sluice.s:a/b:c"), ("s", "", "sluice.s:"),
        ("s", ":", "sluice.s::"),
        ("s", "1a:b", "sluice.s:1a:b"), ("s", "ui://widget/x", "ui://sluice.s+widget/x"),
        ("s", "UI://w", "UI://sluice.s+w"),
        ("s", "ui:///x", "ui://sluice.s+/x"), ("s", "ui://a@b:1/x?y", "ui://sluice.s+a@b:1/x?y"),
        ("s", "ui://[::1]/x", "sluice.s+ui://[::1]/x"), ("s", "ui:opaque", "sluice.s+ui:opaque"),
        ("s", "ui://{w}/x", "ui://sluice.s+{w}/x"), ("s", "sluice.t+file:///x", "sluice.s+sluice.t+file:///x"),
        ("s", "sluice.t:x", "sluice.s+sluice.t:x"), ("s", "ui://sluice.t+w", "ui://sluice.s+sluice.t+w"),
        ("s", "git+ssh://h/p", "sluice.s+git+ssh://h/p"), ("s", "data:text/plain,é", "sluice.s+data:text/plain,é"),
    ])
    func theServerGoesIntoTheScheme(server: String, uri: String, exposed: String) {
        #expect(ServerURI.exposed(uri, of: server) == exposed)
        let back = ServerURI.resolve(exposed)
        #expect(back?.server == server)
        #expect(back?.uri == uri)
    }

    @Test(arguments: [
        "file:///x", "ui://widget/x", "ui://sluice.s/x", "sluice:x", "sluice.:x", "sluice.+file:///x", "", "x",
        "ui:sluice.s+x",
        "sluice.s+1x:y", "xsluice.s:y", "ui://",
    ])
    func othersAreNotResolved(uri: String) {
        #expect(ServerURI.resolve(uri) == nil)
    }

    @Test func schemesMayComeBackInOtherCase() {
        #expect(ServerURI.resolve("SLUICE.A.B+FILE:///X")?.server == "a_b")
        #expect(ServerURI.resolve("SLUICE.A.B+FILE:///X")?.uri == "FILE:///X")
    }

    @Test(arguments: 0..<5) func everythingLeadsBack(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            let uri = (0..<random.below(8)).map { _ in
                random.pick([
                    "ui", "://", ":", "/", "a", "+", "sluice.", ".", "{x}", "[", "é", "?", "#", "1", "-", "\u{0}", " ",
                ])
            }.joined()
            let server = random.pick(["a", "a_b", "1-", "s_", "sluice"])
            let back = ServerURI.resolve(ServerURI.exposed(uri, of: server))
            #expect(back?.server == server, "\(uri)")
            #expect(back?.uri == uri)
        }
    }
}

@Suite struct NamedPlacesTests {
    private func uris(_ views: [JSONView]) -> [String] { views.map { $0.string ?? "?" } }

    @Test(arguments: [
        ("resources/read", #"{"uri":"u1"}"#, ["u1"]), ("resources/subscribe", #"{"uri":"u1"}"#, ["u1"]),
        ("resources/unsubscribe", #"{"uri":"u1"}"#, ["u1"]), ("resources/read", #"{"uri":7}"#, []),
        ("tools/call", #"{"uri":"x"}"#, []),
        ("completion/complete", #"{"ref":{"type":"ref/resource","uri":"u1"}}"#, ["u1"]),
        ("completion/complete", #"{"ref":{"type":"ref/prompt","name":"n"}}"#, []),
        ("subscriptions/listen", #"{"notifications":{"resourceSubscriptions":["u1",7,"u2"]}}"#, ["u1", "u2"]),
        (
            "sampling/createMessage",
            #"{"messages":[{"content":{"type":"resource","resource":{"uri":"u1"}}},{"content":[{"type":"tool_result","content":[{"type":"resource_link","uri":"u2"}]}]}]}"#,
            ["u1", "u2"]
        ),
    ])
    func inRequests(method: String, params: String, expected: [String]) throws {
        #expect(uris(NamedPlaces.uris(inRequest: method, try view(params))) == expected)
    }

    @Test(arguments: [
        (
            "tools/call",
            #"{"content":[{"type":"resource_link","uri":"u1"},{"type":"resource","resource":{"uri":"u2"}},{"type":"text","text":"u","uri":"no"}],"structuredContent":{"uri":"no"}}"#,
            ["u1", "u2"]
        ),
        (
            "tools/list", #"{"tools":[{"_meta":{"ui":{"resourceUri":"ui://a"},"ui/resourceUri":"ui://b"}},{}]}"#,
            ["ui://a", "ui://b"]
        ),
        ("resources/list", #"{"resources":[{"uri":"u1"},{"uri":"u2"}]}"#, ["u1", "u2"]),
        ("resources/templates/list", #"{"resourceTemplates":[{"uriTemplate":"{u}"}]}"#, ["{u}"]),
        ("resources/read", #"{"contents":[{"uri":"u1","text":""}]}"#, ["u1"]),
        ("prompts/get", #"{"messages":[{"role":"user","content":{"type":"resource_link","uri":"u1"}}]}"#, ["u1"]),
        ("tasks/get", #"{"result":{"content":[{"type":"resource_link","uri":"u1"}]}}"#, ["u1"]),
        (
            "tools/call",
            #"{"resultType":"input_required","inputRequests":{"k":{"method":"sampling/createMessage","params":{"messages":[{"content":{"type":"resource_link","uri":"u1"}}]}}}}"#,
            ["u1"]
        ),
        ("prompts/list", #"{"prompts":[{"name":"a"}]}"#, []),
    ])
    func inResults(method: String, result: String, expected: [String]) throws {
        #expect(uris(NamedPlaces.uris(inResultOf: method, try view(result))) == expected)
    }

    @Test func inNotificationsAndErrors() throws {
        #expect(
            uris(NamedPlaces.uris(inNotification: "notifications/resources/updated", try view(#"{"uri":"u"}"#))) == [
                "u"
            ])
        #expect(uris(NamedPlaces.uris(inNotification: "notifications/message", try view(#"{"uri":"u"}"#))).isEmpty)
        #expect(uris(NamedPlaces.uris(inError: try view(#"{"code":-32602,"data":{"uri":"u"}}"#))) == ["u"])
        #expect(NamedPlaces.name(inRequest: "tools/call", try view(#"{"name":"n"}"#))?.string == "n")
        #expect(NamedPlaces.name(inRequest: "prompts/get", try view(#"{"name":7}"#)) == nil)
        #expect(
            NamedPlaces.name(inRequest: "completion/complete", try view(#"{"ref":{"type":"ref/prompt","name":"n"}}"#))?
                .string == "n")
        #expect(
            NamedPlaces.name(inRequest: "completion/complete", try view(#"{"ref":{"type":"ref/resource","name":"n"}}"#))
                == nil)
    }

    @Test func aMessageIsRewrittenInItsPlacesOnly() throws {
        let result = try edited(
            #"{"content":[{"type":"resource_link","uri":"file:///a","n":1.0},{"type":"text","text":"file:///a"}]}"#
        ) { root, splice in
            for place in NamedPlaces.uris(inResultOf: "tools/call", root) {
                splice.replace(place, with: ServerURI.exposed(place.string ?? "", of: "s"))
            }
        }
        #expect(
            result
                == #"{"content":[{"type":"resource_link","uri":"sluice.s+file:///a","n":1.0},{"type":"text","text":"file:///a"}]}"#
        )
    }
}
