import Base
import JSON
import Policy
import Risk
import Testing

/// Judgements that follow from single rules, on definitions made for it.
@Suite struct ClassificationTests {
    private func tool(_ text: String) throws -> ToolDefinition {
        try #require(ToolDefinition(JSONDocument.parse(Array(text.utf8)).root))
    }

    private func judge(_ name: String, _ description: String, rest: String = "") throws -> Classification {
        var writer = JSONWriter()
        writer.string(description)
        let text = String(decoding: writer.bytes, as: UTF8.self)
        let tool = try tool(#"{"name":"\#(name)","description":\#(text)\#(rest)}"#)
        return Classifier(rules: .standard).classify(tool, in: ServerProfile(name: "s", tools: [tool]))
    }

    @Test(arguments: [
        "deleteUser", "DeleteUser", "delete_user", "delete-user", "users.delete", "user/delete", "DELETEUser",
        "userDelete",
        "deleteUser2", "admin_delete_user", "bulk_delete_users",
    ])
    func namesInEveryStyle(name: String) throws {
        #expect(try judge(name, "Works on users").category == .destructive)
    }

    @Test(arguments: [
        ("get_order_status", "Returns the status of an order", ToolCategory.read),
        ("order_status", "Status of an order", .read),
        ("list_deleted_files", "List files that were deleted", .read),
        ("find_and_replace", "Find text and replace it", .write),
        ("manage_branches", "Lists, creates and deletes branches", .destructive),
        ("remove_label", "Remove a label from a ticket", .write),
        ("remove_background", "Remove the background from an image", .write),
        ("clear_cache", "Clear the cache", .write),
        ("run_query", "Run a read-only SQL query", .read),
        ("run_sql", "Run a SQL statement", .execute),
        ("cancel_job", "Cancel a running job", .execute),
        ("cancel_subscription", "Cancel a customer's subscription", .financial),
        ("create_invoice", "Create an invoice", .financial),
        ("comment_on_invoice", "Add a comment to an invoice", .write),
        ("send_message", "Send a message to a channel", .write),
        ("press_key", "Press a key", .execute),
    ])
    func verbsBesideThings(name: String, description: String, category: ToolCategory) throws {
        #expect(try judge(name, description).category == category)
    }

    @Test(arguments: [
        "Gets a user. This does not delete anything.",
        "Gets a user without modifying or deleting it.",
        "Gets a user. To remove one, use delete_user.",
        "Gets a user. Use `delete_user` to delete users instead.",
        "Gets a user. Never deletes the record.",
        "Gets details of a user including name, delete protection, dispatch status and labels",
    ])
    func whatItDoesNotDo(description: String) throws {
        #expect(try judge("get_user", description).category == .read)
    }

    @Test func laterSentencesCount() throws {
        let judged = try judge("update_site", "Updates the site. This will permanently delete the previous version.")
        #expect(judged.category == .destructive)
        #expect(judged.signals.contains { $0.code == .irreversible })
    }

    @Test func actionsOfAParameterCount() throws {
        let schema = #","inputSchema":{"type":"object","properties":{"action":{"enum":["list","create","delete"]}}}"#
        let judged = try judge("branches", "Work with branches", rest: schema)
        #expect(judged.category == .destructive)
        #expect(judged.evidence.contains { $0.place == "/inputSchema/properties/action" })
        let filter = #","inputSchema":{"type":"object","properties":{"action":{"enum":["create","delete"]}}}"#
        #expect(try judge("list_events", "List audit events", rest: filter).category == .read)
        let method = #","inputSchema":{"type":"object","properties":{"method":{"enum":["GET","POST","DELETE"]}}}"#
        let call = try judge("api", "Request a path of the API", rest: method)
        #expect(call.category == .execute && call.severity == .critical)
    }

    @Test func hintsRaiseAndOnlyTrustLowers() throws {
        let read = try tool(#"{"name":"list_a","description":"Lists things","annotations":{"readOnlyHint":true}}"#)
        let changing = try tool(
            #"{"name":"list_b","description":"Lists things","annotations":{"readOnlyHint":false,"destructiveHint":true}}"#
        )
        let lying = try tool(
            #"{"name":"delete_c","description":"Deletes a thing","annotations":{"destructiveHint":false}}"#)
        let run = try tool(#"{"name":"run_d","description":"Runs a thing","annotations":{"readOnlyHint":true}}"#)
        let tools = [read, changing, lying, run]
        let classifier = Classifier(rules: .standard)
        let stranger = ServerProfile(name: "s", tools: tools)
        #expect(
            tools.map { classifier.classify($0, in: stranger).category } == [.read, .write, .destructive, .execute])
        let friend = ServerProfile(name: "s", tools: tools, isTrusted: true)
        #expect(tools.map { classifier.classify($0, in: friend).category } == [.read, .write, .write, .read])
    }

    @Test func hintsThatALibraryFillsInSayNothing() throws {
        let hints = #","annotations":{"readOnlyHint":false,"destructiveHint":true}}"#
        let tools = try ["list_a", "get_b", "search_c"].map {
            try tool(#"{"name":"\#($0)","description":"Get things""# + hints)
        }
        let server = ServerProfile(name: "s", tools: tools)
        #expect(tools.allSatisfy { Classifier(rules: .standard).classify($0, in: server).category == .read })
    }

    @Test func signalsNameParameters() throws {
        let names = [
            ("webhook_url", "string"), ("file_path", "string"), ("sql", "string"), ("script", "string"),
            ("body_html", "string"),
            ("api_token", "string"), ("cc", "array"), ("amount", "number"), ("page_token", "string"),
            ("country_code", "string"),
        ]
        let properties = names.map { #""\#($0)":{"type":"\#($1)"}"# }.joined(separator: ",")
        let schema = #","inputSchema":{"type":"object","properties":{\#(properties)},"additionalProperties":true}"#
        let signals = try judge("do_it", "Update a thing", rest: schema).signals
        #expect(
            signals.map(\.text) == [
                "High parameter count (10 properties)", "Accepts URL/endpoint input (webhook_url)",
                "Accepts file system path (file_path)", "Accepts freeform code input (script)",
                "Accepts freeform query input (sql)", "Accepts raw HTML/template content (body_html)",
                "Accepts credentials (api_token)", "Accepts recipients (cc)", "Accepts an amount (amount)",
                "Accepts parameters that its schema does not name",
            ])
    }

    @Test func sameInputsSameJudgement() throws {
        let a = try judge("create_thing", "Creates a thing in a place")
        #expect(try judge("create_thing", "Creates a thing in a place") == a)
        #expect(a.rationale == "In the description, `create` says that it creates something.")
        #expect(a.evidence.first == .init(place: "description", quote: "Creates a thing in a place"))
    }

    @Test(arguments: [
        "", " ", "💥", "...", "-- --", "a", "\u{0000}", "ß", "delete", "中文 说明", "don’t", "l'", "a.b.c.", "_", "X",
    ])
    func oddTextsAreJudged(text: String) throws {
        let judged = try judge("x", text)
        #expect(!judged.rationale.isEmpty && !judged.evidence.isEmpty)
    }

    // MARK: Rule sets

    private func problems(_ text: String) -> [String] {
        do throws(RuleSetError) {
            _ = try RuleSet.parse(Array(text.utf8))
            return []
        } catch {
            return error.problems.map { "\($0.position.line):\($0.position.column): \($0.message)" }
        }
    }

    @Test func rulesAreRefusedWithPlaces() {
        #expect(problems("[]") == ["1:1: a rule set is an object"])
        #expect(problems("{\"version\": \"1\",\n \"vrebs\": 1}").first?.hasPrefix("2:2: unknown section") == true)
        #expect(problems("{\"version\"").first?.hasPrefix("1:") == true)
        let text = String(decoding: EmbeddedAsset.riskRules, as: UTF8.self)
        let twice = text.replacing("\"verbs\": [\"scrape\"]", with: "\"verbs\": [\"scrape\", \"delete\"]")
        #expect(problems(twice).count == 1 && problems(twice)[0].hasSuffix("this verb already belongs to an act"))
        let wrong = text.replacing("\"category\": \"financial\"", with: "\"category\": \"costly\"")
        #expect(problems(wrong).first?.contains("expected one of read, write, execute, destructive, financial") == true)
        let nobody = text.replacing("\"act\": \"process media\"}", with: "\"act\": \"process medias\"}")
        #expect(problems(nobody).contains { $0.hasSuffix("no act has this name") })
    }
}
