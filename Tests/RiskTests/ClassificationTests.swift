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

    @Test(arguments: [
        ("loesche_alles", "Löscht alle Daten unwiderruflich"),
        ("tout_supprimer", "Supprime définitivement les données"),
        ("borrar_usuario", "Elimina un usuario de forma permanente"), ("全部削除", "すべてのファイルを完全に削除します。"),
        ("удалить_всё", "Удаляет все данные без возможности восстановления"), ("zzz", "Frobnicates the whatsit"),
        ("status", "Frobnicates the whatsit"),
        ("mask_it", "Maskiert das ganze Bild mit einer Farbe"),
    ])
    func whatIsNotUnderstoodIsNoRead(name: String, description: String) throws {
        let judged = try judge(name, description)
        #expect(judged.category == .execute && judged.severity == .high && judged.confidence == .low)
        let empty = try judge(name, "")
        #expect(judged.category.rank >= empty.category.rank && judged.severity >= empty.severity)
    }

    @Test(arguments: ["Data is deleted.", "Users are permanently erased by this.", "Allows deletion of files."])
    func passives(description: String) throws {
        #expect(try judge("x", description).category == .destructive)
        #expect(try judge("x", "Users can be removed with this.").category == .write)
    }

    @Test(arguments: [
        ("get_user", "Get a user. Side effect: deletes the user's other sessions.", ToolCategory.destructive),
        ("read_file", "Reads a file. Afterwards the file is removed.", .destructive),
        ("list_files", "Lists files. Then deletes them.", .destructive),
        ("sync", "Synchronises both sides; files missing at the source are deleted at the target", .destructive),
        ("get_payment", "Gets a payment. Refunds the payment when it failed.", .financial),
        ("get_report", "Gets a report. Sends it to all members.", .write),
        ("check_balance", "Checks the balance, charging a fee of $1", .financial),
        ("read_messages", "Reads messages, deleting them from the server", .destructive),
        ("get_order", "Gets an order, selling price and shipping labels", .read),
        ("list_files", "Lists files. Files that were deleted are left out.", .read),
        ("list_files", "Lists files. Nothing is deleted.", .read),
        ("list_files", "Lists files. A file can be deleted afterwards with another tool.", .read),
        ("get_page", "Gets a page. Must be called before any other.", .read),
    ])
    func sideEffects(name: String, description: String, category: ToolCategory) throws {
        let judged = try judge(name, description)
        #expect(judged.category == category)
    }

    @Test(arguments: [
        ("purge", ToolCategory.destructive), ("delete_after", .destructive), ("deleteAfterRead", .destructive),
        ("overwrite", .destructive), ("force", .write), ("include_deleted", .read), ("remove_html", .read),
        ("truncate", .read), ("verbose", .read),
    ])
    func switchesOfAReadCount(parameter: String, category: ToolCategory) throws {
        let schema = #","inputSchema":{"type":"object","properties":{"\#(parameter)":{"type":"boolean"}}}"#
        let judged = try judge("list_items", "List items", rest: schema)
        #expect(judged.category == category)
        if category != .read { #expect(judged.rationale.hasPrefix("The switch `\(parameter)`")) }
    }

    @Test func switchesInsideCount() throws {
        let inside = #"{"type":"object","properties":{"purge":{"type":"boolean"}}}"#
        for schema in [inside, #"{"type":"array","items":\#(inside)}"#] {
            let rest = #","inputSchema":{"type":"object","properties":{"options":\#(schema)}}"#
            let judged = try judge("list_items", "List items", rest: rest)
            #expect(judged.category == .destructive)
            #expect(judged.rationale.hasPrefix("The switch `purge`"))
            #expect(judged.evidence.first?.place == "/inputSchema/properties/options/properties/purge")
        }
    }

    /// How unknown authors write: what a first sentence and a name say, and what they don't.
    @Test(arguments: [
        ("token", "Step 2: Get the token with the code", ToolCategory.read),
        ("get_facts_by_name_and_type", "Gets facts by name and type", .read),
        ("next", "Skip to the next track", .execute), ("saved_work", "Gets saved work. Use this to resume it.", .read),
        ("tidy", "Gets a file. Use this to delete the rest.", .destructive),
        ("select_rows", "Selects rows from a table", .read), ("select_page", "Selects a page", .write),
        ("share", "Creates a shared link to a file", .write), ("submit_job", "Submits a job to the queue", .execute),
        ("symbol_definition", "Navigates to the definition of a symbol", .read),
        ("log_weight", "Track weight over time", .write),
        ("do_lookup", "Retrieves old addresses of a site", .read), ("create_video", "Moving pictures", .write),
        ("create_rule", "Create a rule. On copies the IDs are discarded.", .write),
        ("quality", "Run quality checks locally with the CLI", .read),
        ("http_get", "Perform an HTTP GET request", .read),
        ("units", "Unit converter for lengths", .read), ("logs", "A log analyzer", .read),
        ("texts", "Text translator", .read), ("old_files", "File deleter", .destructive),
        ("ban", "Ban a scraper from the site", .write), ("start_it", "Start the scanner", .execute),
        ("file_tree", "Directory tree of the project", .read),
        ("http", "Perform an HTTP GET or POST request", .execute),
    ])
    func plainWriting(name: String, description: String, category: ToolCategory) throws {
        #expect(try judge(name, description).category == category)
    }

    @Test(arguments: [
        ("output_path", ToolCategory.write), ("input_path", .read), ("out_dir", .write), ("output", .read),
        ("output_format", .read),
    ])
    func whereAnAnswerIsPut(parameter: String, category: ToolCategory) throws {
        let schema = #"{"type":"object","properties":{"\#(parameter)":{"type":"string"}}}"#
        let rest = #","inputSchema":\#(schema)"#
        #expect(try judge("extract_frames", "Extracts frames of a film", rest: rest).category == category)
    }

    /// What is chosen by an action that a call may leave out: a filter chooses what is listed, anything else what is done.
    @Test(arguments: [
        ("get_item", "Gets an item", "", ToolCategory.destructive),
        ("get_item", "Gets an item", "Filter by action", .read),
        ("list_events", "List audit events", "", .read), ("get_activity", "Returns recent activity", "", .read),
    ])
    func optionalActions(name: String, description: String, about: String, category: ToolCategory) throws {
        let action = #"{"type":"string","description":"\#(about)","enum":["get","delete"]}"#
        let rest = #","inputSchema":{"type":"object","properties":{"action":\#(action)}}"#
        #expect(try judge(name, description, rest: rest).category == category)
    }

    @Test(arguments: [
        ("action", "read,delete", ToolCategory.destructive), ("action", "create,update,delete", .destructive),
        ("action", "view,remove,purge,wipe", .destructive), ("action", "delete", .destructive),
        ("action", "read,update", .write), ("method", "GET,POST,DELETE", .execute), ("action", "list,show", .read),
    ])
    func actionsOfAReadCount(parameter: String, values: String, category: ToolCategory) throws {
        let list = values.split(separator: ",").map { "\"\($0)\"" }.joined(separator: ",")
        let schema =
            #","inputSchema":{"required":["\#(parameter)"],"properties":{"\#(parameter)":{"type":"string","enum":[\#(list)]}}}"#
        #expect(try judge("item", "Gets an item", rest: schema).category == category)
    }

    @Test(arguments: [
        ("get_note", "Creates a note.", ToolCategory.write), ("get_widget", "Creates a widget for the user.", .write),
        ("search_c", "Sends the query results by email.", .write), ("get_report", "Generates a report", .read),
        ("get_link", "Creates a link to the page", .read), ("get_embedding", "Creates an embedding of a text", .read),
    ])
    func namesThatLookAndTextsThatMake(name: String, description: String, category: ToolCategory) throws {
        #expect(try judge(name, description).category == category)
    }

    @Test(arguments: [
        ("place_bet", "Places a bet on an event", ToolCategory.financial, Severity.critical),
        ("create_virtual_card", "Issues a virtual card with a spending limit", .financial, .critical),
        ("top_up", "Tops up the prepaid card", .financial, .critical),
        ("force_push", "Force-pushes the branch to the remote", .destructive, .high),
        ("close_account", "Closes the customer's account for good", .destructive, .critical),
        ("close_account", "Closes the customer's account", .write, .medium),
        ("import_db", "Imports a dump, replacing all existing data", .destructive, .high),
        ("schedule_key_deletion", "Schedules the deletion of a key", .destructive, .high),
        ("administer_dose", "Administers a dose of insulin", .execute, .high),
        ("make_public", "Makes a file readable by anybody on the internet", .write, .high),
        ("write_query", "Execute an INSERT, UPDATE, or DELETE query on the database", .execute, .critical),
        ("add", "Adds two numbers", .read, .low), ("add_number", "Adds a phone number", .write, .medium),
        ("roll_dice", "Rolls dice", .read, .low), ("sort_results", "Sorts results", .read, .low),
    ])
    func ordinaryTools(name: String, description: String, category: ToolCategory, severity: Severity) throws {
        let judged = try judge(name, description)
        #expect(judged.category == category && judged.severity == severity)
    }

    @Test(arguments: [
        ("set_env", "Sets the variables. Variables that are not in the list are removed.", ToolCategory.destructive),
        ("list_files", "Lists files. Files that were deleted are left out.", .read),
        ("get_key", "Gets a key. It is returned only when it is created or is regenerated.", .read),
        ("call_it", "Calls a function. This signs and sends the transaction.", .financial),
        ("latest_entry", "Most recent entry, so you can extend or delete it", .read),
        ("latest_reading", "Latest readings of the sensor", .read),
        ("get_book", "Bids and asks of a market", .read),
        ("list_jobs", "The jobs of an account. Creating and running them is another tool's.", .read),
        ("remove_files_from_group", "Removes files from a group", .write),
        ("remove_file", "Removes a file from a folder", .destructive),
        ("clear_it", "Removes cached data", .write), ("create_alert", "Creates a price alert", .write),
        ("start_timer", "Starts a timer", .write), ("write_register", "Writes a value to a register", .execute),
        ("run_scan", "Runs a scan on the given code", .execute), ("build_context", "Builds context from notes", .read),
        ("add_expense", "Adds an expense", .financial), ("confirm_order", "Confirms the order", .financial),
    ])
    func wordsInTheirPlaces(name: String, description: String, category: ToolCategory) throws {
        #expect(try judge(name, description).category == category)
    }

    /// Little words tell another language, although some of its words look English.
    @Test func otherLanguages() throws {
        let judged = try judge("status", "Resume o manifest local do projeto e a lista de envio em uma pasta")
        #expect(judged.category == .execute && judged.confidence == .low)
        #expect(try judge("list_contacts", "Obtiene los contactos de una cuenta para el usuario").category == .read)
    }

    /// A server that is called like a verb names its tools after itself.
    @Test func namesAfterTheServer() throws {
        let names = ["parse_create_object", "parse_delete_object", "parse_find_object"]
        let tools = try names.map { try tool(#"{"name":"\#($0)"}"#) }
        let server = ServerProfile(name: "s", tools: tools)
        let judged = tools.map { Classifier(rules: .standard).classify($0, in: server).category }
        #expect(judged == [.write, .destructive, .read])
    }

    /// A verb before a word that is a verb elsewhere remains the verb: nobody is called Create.
    @Test func aSharedVerbIsNoName() throws {
        let names = ["create_merge_request", "create_issue", "create_branch", "create_merge_request_note"]
        let tools = try names.map { try tool(#"{"name":"\#($0)"}"#) }
        let server = ServerProfile(name: "s", tools: tools)
        for tool in tools {
            let judged = Classifier(rules: .standard).classify(tool, in: server)
            #expect(judged.category == .write && judged.severity < .high, "\(tool.name): \(judged.rationale)")
        }
    }

    @Test func whatALabelDoesNotSay() throws {
        let amount = #","inputSchema":{"type":"object","properties":{"amount":{"type":"number"}}}"#
        #expect(try judge("tip_author", "Tips an author", rest: amount).category == .financial)
        #expect(try judge("manage_things", "Manages things").confidence == .medium)
        #expect(try !judge("cancel_job", "Cancels a job at once").signals.contains { $0.code == .bulk })
        #expect(try judge("delete_jobs", "Deletes jobs in bulk").signals.contains { $0.code == .bulk })
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
