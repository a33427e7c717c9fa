import Arguments
import Base
import JSON
import Store

/// `sluice grant …`: who may call which server under which policy.
enum GrantCommands {
    static let entries = [create, list, rotate, revoke]

    /// A century: enough for anybody, and far from the end of the clock.
    private static let longest = 100 * 366 * 86_400

    private static let create = Entry(
        command: Command(
            "grant", "create", summary: "let somebody call a server under a policy; prints the token once",
            details:
                "Only a keyed hash of the token is stored: keep the printed text, or rotate the grant for a new one.",
            options: [
                .value("server", "NAME", "the server that may be called (required)"),
                .value("policy", "NAME", "the stored policy that judges the calls (required)"),
                .value(
                    "also", "SERVER=POLICY", "a further server that may be called, with its policy; may be repeated",
                    repeats: true),
                .value("label", "TEXT", "your name for the grant (required)"),
                .value("identity", "NAME", "whom it is made out to"),
                .value("expires", "SPAN", "how long it holds, such as 12h or 30d (default: until revoked)"),
                DataFolder.option, DataFolder.json,
            ],
            examples: [
                Example("sluice grant create --server studio --policy studio --label laptop", "a grant without an end"),
                Example(
                    "sluice grant create --server studio --policy studio --also files=read-only --label both",
                    "two servers; /mcp offers both behind one endpoint"),
                Example(
                    "sluice grant create --server studio --policy studio --label ci --identity build --expires 30d --json",
                    "thirty days, as JSON for a script"),
            ])
    ) { arguments in
        let expires = try arguments.value("expires").map { _ in
            try arguments.seconds("expires", in: 1...longest, default: longest)
        }
        let request = GrantRequest(
            server: try arguments.required("server"), policy: try arguments.required("policy"),
            label: try arguments.required("label"), identity: arguments.value("identity"),
            expires: expires.map { Clock.now + .seconds(Int64($0)) },
            also: try arguments.all("also").map { text in
                guard let mark = text.firstIndex(of: "=") else {
                    throw UsageError(
                        .invalidValue, "--also '\(text)' is not understood",
                        mend: "it takes SERVER=POLICY, such as files=read-only")
                }
                return Grant.Part(server: String(text[..<mark]), policy: String(text[text.index(after: mark)...]))
            })
        let folder = try DataFolder.open(arguments)
        show(try folder.configuration.createGrant(request), asJSON: arguments.has("json"), verb: "created")
        return .done
    }

    private static let list = Entry(
        command: Command(
            "grant", "list", summary: "list the grants (never their tokens)",
            options: [.flag("all", "also those that are revoked or expired"), DataFolder.option, DataFolder.json],
            examples: [
                Example("sluice grant list", "the grants that work now"),
                Example("sluice grant list --all --json", "every grant there ever was"),
            ])
    ) { arguments in
        let folder = try DataFolder.open(arguments)
        let now = Clock.now
        let grants = try folder.configuration.grants()
            .filter { arguments.has("all") || $0.standing(at: now) == .active }
        if arguments.has("json") {
            Output.json { writer in
                writer.beginArray()
                for grant in grants { write(grant, token: nil, to: &writer) }
                writer.endArray()
            }
        } else {
            Output.table(
                ["ID", "LABEL", "SERVER", "POLICY", "IDENTITY", "STANDING", "EXPIRES"],
                grants.map { grant in
                    [
                        grant.id, grant.label, grant.server, grant.policy, grant.identity ?? "-",
                        grant.standing(at: now).rawValue, grant.expires?.short ?? "never",
                    ]
                })
        }
        return .done
    }

    private static let rotate = Entry(
        command: Command(
            "grant", "rotate", summary: "replace a grant's token; the old one is dead at once",
            positionals: [Positional("GRANT", "its id or label")],
            options: [DataFolder.option, DataFolder.json],
            examples: [Example("sluice grant rotate laptop", "prints the new token once")])
    ) { arguments in
        let folder = try DataFolder.open(arguments)
        let issued = try folder.configuration.rotateGrant(arguments.positionals[0])
        show(issued, asJSON: arguments.has("json"), verb: "rotated")
        return .done
    }

    private static let revoke = Entry(
        command: Command(
            "grant", "revoke", summary: "end a grant for good, from the next request on",
            positionals: [Positional("GRANT", "its id or label")],
            options: [DataFolder.option, DataFolder.json],
            examples: [Example("sluice grant revoke laptop", "its token is refused from now on")])
    ) { arguments in
        let folder = try DataFolder.open(arguments)
        let grant = try folder.configuration.revokeGrant(arguments.positionals[0])
        if arguments.has("json") {
            Output.json { write(grant, token: nil, to: &$0) }
        } else {
            Output.print("grant \(grant.label) (\(grant.id)) revoked")
        }
        return .done
    }

    private static func show(_ issued: IssuedGrant, asJSON: Bool, verb: String) {
        if asJSON {
            Output.json { write(issued.grant, token: issued.token, to: &$0) }
            return
        }
        let grant = issued.grant
        Output.print("grant \(grant.label) (\(grant.id)) \(verb): server \(grant.server), policy \(grant.policy)")
        for part in grant.also { Output.print("  also: server \(part.server), policy \(part.policy)") }
        Output.print("token, shown only now: \(issued.token.revealed)")
    }

    private static func write(_ grant: Grant, token: Secret?, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("id", grant.id)
        writer.member("label", grant.label)
        writer.member("server", grant.server)
        writer.member("policy", grant.policy)
        if !grant.also.isEmpty {
            writer.key("also")
            writer.beginArray()
            for part in grant.also {
                writer.beginObject()
                writer.member("server", part.server)
                writer.member("policy", part.policy)
                writer.endObject()
            }
            writer.endArray()
        }
        writer.memberIfPresent("identity", grant.identity)
        writer.member("standing", grant.standing(at: Clock.now).rawValue)
        writer.member("created", grant.created.iso8601)
        writer.memberIfPresent("expires", grant.expires?.iso8601)
        writer.memberIfPresent("rotated", grant.rotated?.iso8601)
        writer.memberIfPresent("revoked", grant.revoked?.iso8601)
        writer.memberIfPresent("token", token?.revealed)
        writer.endObject()
    }
}

extension Instant {
    /// To the second, for tables: `2026-01-05 10:00:00`.
    var short: String {
        String(iso8601.prefix(19)).split(separator: "T").joined(separator: " ")
    }
}
