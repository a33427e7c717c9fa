import Arguments
import Attacks
import Base
import JSON
import Risk

/// `sluice attacks`: the database of documented attacks.
enum AttackCommands {
    static let entries = [list, show]

    private static let json = Option.flag("json", "print JSON")

    private static let list = Entry(
        command: Command(
            "attacks", "list", summary: "list documented attacks on agents and their tools",
            details: """
                By family. STOPPED BY says what decides the entry's case: a policy, a finding of a scan, a pin, or what the
                gateway does by itself.
                """,
            options: [
                .value("family", "FAMILY", "only this family; an unknown one lists them all"),
                .value("severity", "LEVEL", "only this severity or worse: low, medium, high, critical"), json,
            ],
            examples: [
                Example("sluice attacks list --family tool-poisoning", "instructions hidden in metadata"),
                Example("sluice attacks list --severity critical --json", "for a program"),
            ])
    ) { arguments in
        let database = try AttackDatabase.standard()
        var families = database.families
        if let wanted = arguments.value("family") {
            families = families.filter { $0.id == wanted }
            guard !families.isEmpty else {
                let known = database.families.map(\.id)
                throw Failure(
                    .usage, "there is no family '\(VisibleText.shown(wanted))'",
                    mend: nearest(wanted, among: known).map { "did you mean '\($0)'?" }
                        ?? "there are \(known.joined(separator: ", "))")
            }
        }
        let least = try arguments.choice("severity", among: Severity.allCases.map(\.rawValue), default: "low")
        let attacks = families.flatMap(\.attacks).filter { $0.severity >= Severity(rawValue: least) ?? .low }
        if arguments.has("json") {
            Output.json { writer in
                writer.beginArray()
                for attack in attacks { AttackText.writeLine(attack, to: &writer) }
                writer.endArray()
            }
        } else {
            Output.table(
                ["ID", "FAMILY", "SEVERITY", "STOPPED BY", "DATE", "TITLE"],
                attacks.map { [$0.id, $0.family, $0.severity.rawValue, $0.stoppedBy.rawValue, $0.date, $0.title] })
        }
        return .done
    }

    private static let show = Entry(
        command: Command(
            "attacks", "show", summary: "show an attack: how it works, what stops it, what no gateway sees",
            details: "--policy prints only the policy that stops or limits it, to be adapted and stored.",
            positionals: [Positional("ID", "as `sluice attacks list` has it")],
            options: [.flag("policy", "print only the policy"), json],
            examples: [
                Example("sluice attacks show tool-poisoning-description", "the whole entry"),
                Example("sluice attacks show rug-pull-redefinition --policy > p.json", "the rules against it"),
            ])
    ) { arguments in
        let database = try AttackDatabase.standard()
        let id = arguments.positionals[0]
        guard let attack = database.attack(id) else {
            throw Failure(
                .usage, "there is no attack '\(VisibleText.shown(id))'",
                mend: nearest(id, among: database.attacks.map(\.id)).map { "did you mean '\($0)'?" }
                    ?? "`sluice attacks list` names them")
        }
        if arguments.has("policy") {
            Output.print(AttackText.policy(of: attack), terminator: "")
        } else if arguments.has("json") {
            Output.json { AttackText.writeWhole(attack, to: &$0) }
        } else {
            Output.print(AttackText.page(attack), terminator: "")
        }
        return .done
    }
}
