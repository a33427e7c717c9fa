import Base
import Catalogue
import JSON
import Risk
import Store
import Testing

@Suite struct CatalogueStoreTests {
    private static let files = """
        {"server": "files", "version": "1.0", "instructions": "Files.", "tools": [
        {"name": "readFile", "description": "Reads a file.", "inputSchema": {"type": "object", "properties": {"path": {"type": "string"}}}},
        {"name": "delete_file", "description": "Deletes a file for good.", "inputSchema": {"type": "object", "properties": {"path": {"type": "string"}}}}]}
        """

    private static func search(_ fixture: Fixture, _ text: String, _ change: (inout CatalogueQuery) -> Void = { _ in })
        throws -> [String]
    {
        var query = CatalogueQuery(words: NameWords.split(text))
        change(&query)
        return try fixture.store.searchCatalogue(query).map { "\($0.server)/\($0.name)" }
    }

    @Test func whatIsAddedIsFound() throws {
        let fixture = try Fixture()
        #expect(try fixture.add(Self.files).isEmpty)
        try fixture.add(
            Fixture.list(
                "mail box", "sendMail", "Sends a mail to the recipients, with files.", #"{"to": {"type": "array"}}"#))
        #expect(try Self.search(fixture, "read") == ["files/readFile"])
        #expect(try Self.search(fixture, "readFile") == ["files/readFile"])
        // Words inside names, stems, parameters, the server's name, and names before descriptions.
        #expect(try Self.search(fixture, "file") == ["files/delete_file", "files/readFile", "mail box/sendMail"])
        #expect(try Self.search(fixture, "deleting") == ["files/delete_file"])
        #expect(try Self.search(fixture, "path") == ["files/delete_file", "files/readFile"])
        #expect(try Self.search(fixture, "box") == ["mail box/sendMail"])
        // No tool has both: beginnings, then any.
        #expect(try Self.search(fixture, "dele") == ["files/delete_file"])
        #expect(Set(try Self.search(fixture, "delete mail")) == ["files/delete_file", "mail box/sendMail"])
        #expect(try Self.search(fixture, "nonsense").isEmpty)
    }

    @Test func filtersNarrow() throws {
        let fixture = try Fixture()
        try fixture.add(Self.files)
        #expect(try Self.search(fixture, "file") { $0.categories = ["destructive"] } == ["files/delete_file"])
        #expect(try Self.search(fixture, "") { $0.categories = ["read", "destructive"] }.count == 2)
        #expect(try Self.search(fixture, "file") { $0.signals = ["accepts_file_path"] }.count == 2)
        #expect(try Self.search(fixture, "file") { $0.server = "files" }.count == 2)
        #expect(try Self.search(fixture, "file") { $0.server = "other" }.isEmpty)
        #expect(try Self.search(fixture, "file") { $0.limit = 1 }.count == 1)
        // The words that stand for filters are not found as texts.
        #expect(try Self.search(fixture, "c0read").isEmpty)
    }

    @Test(arguments: ["\"", "a\" OR \"b", "* : ^", "NEAR(a b)", "{name} : x", "\u{0}", "🙂", "AND OR NOT"])
    func oddTextsAreNoExpressions(text: String) throws {
        let fixture = try Fixture()
        try fixture.add(Self.files)
        _ = try Self.search(fixture, text)
        #expect(try fixture.store.searchCatalogue(CatalogueQuery(words: [text])).isEmpty)
    }

    @Test func whatChangesIsNoted() throws {
        let fixture = try Fixture()
        try fixture.add(Self.files, at: 1_000)
        #expect(try fixture.add(Self.files, at: 2_000).isEmpty)
        let other = """
            {"server": "files", "version": "1.1", "instructions": "Files. Be quick.", "tools": [
            {"name": "readFile", "description": "Reads any file.", "inputSchema": {"type": "object", "properties": {"path": {"type": "string", "maxLength": 9}, "all": {}}}},
            {"name": "listFiles"}]}
            """
        let changes = try fixture.add(other, at: 3_000)
        #expect(
            changes.map { "\($0.kind) \($0.tool) \($0.members.joined(separator: " "))" } == [
                "version  1.0 1.1", "instructions  ",
                "changed readFile /description /inputSchema/properties/path /inputSchema/properties/all",
                "added listFiles ",
                "removed delete_file ",
            ])
        #expect(try fixture.store.catalogueChanges("files") == changes.reversed())
        let tool = try #require(try fixture.store.cataloguedTool("files", "readFile"))
        #expect(tool.firstSeen.microseconds == 1_000_000_000)
        #expect(tool.changed.microseconds == 3_000_000_000)
        #expect(try Self.search(fixture, "delete").isEmpty)
        #expect(try Self.search(fixture, "any") == ["files/readFile"])
        let page = Fixture.visible(try fixture.page("files", "readFile"))
        #expect(
            page.contains("1970-01-01: changed readFile : /description")
                || page.contains("changed readFile: /description"))
    }

    @Test func whatIsRemovedIsGone() throws {
        let fixture = try Fixture()
        try fixture.add(Self.files)
        try fixture.store.removeFromCatalogue("files")
        #expect(try fixture.store.cataloguedServers().isEmpty)
        #expect(try Self.search(fixture, "file").isEmpty)
        #expect(throws: StoreError.self) { try fixture.store.removeFromCatalogue("files") }
        #expect(try fixture.add(Self.files).isEmpty)
        #expect(try Self.search(fixture, "file").count == 2)
    }

    @Test func relatedToolsAreThoseOfOtherServersWithTheSameWords() throws {
        let fixture = try Fixture()
        try fixture.add(Self.files)
        for (server, tool) in [
            ("disk", "read_file"), ("net", "readURL"), ("shop", "payInvoice"), ("box", "readTextFile"),
        ] {
            try fixture.add(Fixture.list(server, tool, ""))
        }
        let tool = try #require(try fixture.store.cataloguedTool("files", "readFile"))
        let related = try RelatedTools.of(tool.hit, in: fixture.store).map { "\($0.server)/\($0.name)" }
        #expect(related.prefix(2) == ["files/delete_file", "disk/read_file"])
        #expect(!related.contains("shop/payInvoice"))
    }

    @Test(arguments: [
        ("[1]", "element 1"), ("{}", "no list"), ("nonsense", "1:"),
        (#"{"tools": [{"description": "x"}]}"#, "element 1"),
        (#"{"tools": 3}"#, "no list"), ("", "1:"),
    ])
    func badFilesAreRefused(text: String, says: String) throws {
        let error = #expect(throws: CatalogueError.self) { try CatalogueInput.read(Array(text.utf8), named: "x") }
        #expect(error?.message.contains(says) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [
        #"{"tools": [{"name": "a"}]}"#, #"[{"name": "a"}]"#,
        #"{"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "a"}]}}"#,
        #"{"server": "x", "tools": [{"name": "a"}]}"#, #"{"servers": [{"server": "x", "tools": [{"name": "a"}]}]}"#,
        #"[{"server": "x", "tools": [{"name": "a"}]}]"#,
    ])
    func listsOfAllShapesAreRead(text: String) throws {
        let inputs = try CatalogueInput.read(Array(text.utf8), named: "x")
        #expect(inputs.map(\.name) == ["x"])
        #expect(inputs.first?.tools.map(\.name) == ["a"])
    }

    /// A scan in the contract's form, without definitions.
    @Test func scansAreTakenAsTheySay() throws {
        let fixture = try Fixture()
        try fixture.add(
            """
            {"server": "pay", "tools": [{"name": "charge", "category": "financial", "severity": "critical", "confidence": "high",
            "rationale": "It charges.", "evidence": "charge", "signals": [{"code": "accepts_amount", "text": "Accepts an amount"}],
            "findings": [{"code": "homoglyph", "severity": "medium", "where": "/name", "quote": "q", "text": "t"}],
            "attacks": [], "recommended": {"action": "require_approval"}}], "findings": [], "context_tokens": 5, "policy": {}}
            """)
        let tool = try #require(try fixture.store.cataloguedTool("pay", "charge"))
        #expect(tool.hit.category == "financial")
        let page = Fixture.visible(try fixture.page("pay", "charge"))
        for part in [
            "It charges.", "Accepts an amount", "homoglyph Medium", "require_approval",
            "Its definition is not in the catalogue",
        ] {
            #expect(page.contains(part), "\(part)")
        }
    }

    @Test func namesThatCannotBeKeptAreRefused() throws {
        let fixture = try Fixture()
        let twice = #"{"tools": [{"name": "a"}, {"name": "a"}]}"#
        #expect(throws: StoreError.self) { try fixture.add(twice) }
        #expect(throws: StoreError.self) {
            try fixture.add(Fixture.list(String(repeating: "x", count: 2_000), "a", ""))
        }
        #expect(try fixture.store.cataloguedServers().isEmpty)
    }
}
