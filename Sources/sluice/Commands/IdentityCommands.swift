import Arguments
import Base
import JSON
import Store

/// `sluice identity …`: the people and programs that grants are made out to.
enum IdentityCommands {
    static let entries = [add, list, remove]

    private static let add = Entry(
        command: Command(
            "identity", "add", summary: "name a person or program that grants can be made out to",
            positionals: [Positional("NAME", "at most 63 bytes of printable text, such as an address")],
            options: [DataFolder.option, DataFolder.json],
            examples: [Example("sluice identity add alice", "from now on, grants may say --identity alice")])
    ) { arguments in
        let folder = try DataFolder.open(arguments, create: true)
        let identity = try folder.configuration.addIdentity(arguments.positionals[0])
        if arguments.has("json") {
            Output.json { write(identity, to: &$0) }
        } else {
            Output.print("identity \(identity.name) added")
        }
        return .done
    }

    private static let list = Entry(
        command: Command(
            "identity", "list", summary: "list the identities", options: [DataFolder.option, DataFolder.json],
            examples: [Example("sluice identity list", "everyone that grants can be made out to")])
    ) { arguments in
        let folder = try DataFolder.open(arguments)
        let identities = try folder.configuration.identities()
        if arguments.has("json") {
            Output.json { writer in
                writer.beginArray()
                for identity in identities { write(identity, to: &writer) }
                writer.endArray()
            }
        } else {
            Output.table(["NAME", "CREATED"], identities.map { [$0.name, $0.created.short] })
        }
        return .done
    }

    private static let remove = Entry(
        command: Command(
            "identity", "remove", summary: "remove an identity",
            positionals: [Positional("NAME", "the identity")],
            options: [DataFolder.option, .flag("force", "also revoke the grants made out to it")],
            examples: [Example("sluice identity remove alice --force", "ends alice's grants with the next request")])
    ) { arguments in
        let folder = try DataFolder.open(arguments)
        try folder.configuration.removeIdentity(arguments.positionals[0], force: arguments.has("force"))
        Output.print("identity \(arguments.positionals[0]) removed")
        return .done
    }

    private static func write(_ identity: Identity, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("name", identity.name)
        writer.member("created", identity.created.iso8601)
        writer.endObject()
    }
}
