import Arguments
import Base
import JSON
import Store

/// `sluice admin-token …`: the keys to the admin plane. The first is made by the first start of `serve`.
enum AdminTokenCommands {
    static let entries = [create, list, revoke]

    private static let longest = 100 * 366 * 86_400

    private static let create = Entry(
        command: Command(
            "admin-token", "create", summary: "make a token for the console, the API and the metrics; prints it once",
            details:
                "Whoever may write to the data folder may make one: this is also the way back in after losing one.",
            options: [
                .value("label", "TEXT", "your name for it (required)"),
                .value(
                    "role", "ROLE", Role.allCases.map(\.name).joined(separator: ", ") + " (default: viewer)"),
                .value("expires", "SPAN", "how long it holds, such as 12h or 30d (default: until revoked)"),
                DataFolder.option, DataFolder.json,
            ],
            examples: [
                Example("sluice admin-token create --label me --role admin", "for yourself"),
                Example("sluice admin-token create --label prometheus --role viewer", "for reading /metrics"),
            ])
    ) { arguments in
        let label = try arguments.required("label")
        let word = try arguments.choice("role", among: Role.allCases.map(\.name), default: Role.viewer.name)
        guard let role = Role(name: word) else { throw arguments.invalid("role", word, "a role") }
        let expires = try arguments.value("expires").map { _ in
            Clock.now + .seconds(Int64(try arguments.seconds("expires", in: 1...longest, default: longest)))
        }
        let folder = try DataFolder.open(arguments, create: true)
        let issued = try folder.configuration.createAdminToken(label: label, role: role, expires: expires)
        if arguments.has("json") {
            Output.json { write(issued.adminToken, token: issued.token, to: &$0) }
        } else {
            Output.print("admin token \(issued.adminToken.label) (\(issued.adminToken.id)) made: role \(role.name)")
            Output.print("token, shown only now: \(issued.token.revealed)")
        }
        return .done
    }

    private static let list = Entry(
        command: Command(
            "admin-token", "list", summary: "list the admin tokens (never the tokens themselves)",
            options: [.flag("all", "also those that are revoked or expired"), DataFolder.option, DataFolder.json],
            examples: [Example("sluice admin-token list", "who may use the admin plane now")])
    ) { arguments in
        let folder = try DataFolder.open(arguments)
        let now = Clock.now
        let tokens = try folder.configuration.adminTokens().filter { arguments.has("all") || $0.isActive(at: now) }
        if arguments.has("json") {
            Output.json { writer in
                writer.beginArray()
                for token in tokens { write(token, token: nil, to: &writer) }
                writer.endArray()
            }
        } else {
            Output.table(
                ["ID", "LABEL", "ROLE", "STANDING", "EXPIRES"],
                tokens.map { token in
                    [
                        token.id, token.label, token.role.name, standing(of: token, at: now),
                        token.expires?.short ?? "never",
                    ]
                })
        }
        return .done
    }

    private static let revoke = Entry(
        command: Command(
            "admin-token", "revoke", summary: "end an admin token for good, and the console sessions made with it",
            positionals: [Positional("ID", "its id, as 'admin-token list' shows it")],
            options: [DataFolder.option],
            examples: [Example("sluice admin-token revoke at_0123456789abcdef", "it opens nothing from now on")])
    ) { arguments in
        let folder = try DataFolder.open(arguments)
        let token = try folder.configuration.revokeAdminToken(arguments.positionals[0])
        Output.print("admin token \(token.label) (\(token.id)) revoked")
        return .done
    }

    private static func standing(of token: AdminToken, at now: Instant) -> String {
        token.revoked != nil ? "revoked" : token.isActive(at: now) ? "active" : "expired"
    }

    private static func write(_ record: AdminToken, token: Secret?, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("id", record.id)
        writer.member("label", record.label)
        writer.member("role", record.role.name)
        writer.member("standing", standing(of: record, at: Clock.now))
        writer.member("created", record.created.iso8601)
        writer.memberIfPresent("expires", record.expires?.iso8601)
        writer.memberIfPresent("revoked", record.revoked?.iso8601)
        writer.memberIfPresent("token", token?.revealed)
        writer.endObject()
    }
}
