internal import Attacks
internal import Policy
internal import Risk

/// The catalogue's own words. Names of tools and servers are put in by the pages, as quotations.
enum Sentences {
    /// What agents use such a tool for: `(before the tool's name, between tool and server, after)`.
    static func purpose(_ category: ToolCategory) -> (StaticString, StaticString, StaticString) {
        switch category {
        case .read:
            (
                "An agent calls ", " to look something up on ",
                ". The call answers with data and should leave nothing changed."
            )
        case .write:
            (
                "An agent calls ", " to create or change something on ",
                ". Each call leaves the data different from before; most such changes can be undone, one by one."
            )
        case .execute:
            (
                "An agent calls ", " to set something going on ",
                ". What happens depends on the arguments, and can reach further than the call itself."
            )
        case .destructive:
            (
                "An agent calls ", " to take something away on ",
                ". What it removes may not come back."
            )
        case .financial:
            (
                "An agent calls ", " to move money, or to commit somebody to pay, through ",
                ". A wrong call costs money."
            )
        }
    }

    /// What a tool does whose definition has a grave finding.
    static let poisoned: StaticString =
        "What it does is not known: its definition works on the model that reads it, so nothing that it says of itself counts. Category and confidence below are what it claims to be."
    static let poisonedDanger: StaticString =
        "Without a policy an agent reads the definition with every conversation, and may follow what is hidden in it even if it never calls the tool."

    /// What goes wrong without a policy.
    static func danger(_ category: ToolCategory) -> StaticString {
        switch category {
        case .read:
            "Reading changes nothing, but what is read goes to the model, and a later call can carry it away. Without a policy an agent may read all that the server's credentials can."
        case .write:
            "Without a policy an agent in a loop, or one that follows orders hidden in a text, can make hundreds of changes before a person looks. A limit keeps the damage to what can be put right by hand."
        case .execute:
            "Without a policy an agent can start such actions as fast as the server answers, with any arguments. A low limit and rules about the arguments keep a mistake small."
        case .destructive:
            "Without a policy a single wrong call can lose data for good. An agent that cannot see the tool cannot call it."
        case .financial:
            "Without a policy a misled agent spends as fast as the server answers. A person should see the amount and the payee before each call."
        }
    }

    /// What the recommended rule does, after the tool's name.
    static func effect(_ category: ToolCategory) -> String {
        switch category.treatment {
        case .allow: " may be called as often as the agent likes; every call is recorded."
        case .limit(let count):
            " stays usable, at most \(count) times a minute for each grant. The call after that is refused, with a message that says when to try again."
        case .hide: " is hidden: it is not in the list that the agent sees, and a call by name is refused."
        case .ask: " waits for a person: each call is held until somebody approves or denies it."
        }
    }

    /// One line for the questions.
    static func advice(_ category: ToolCategory) -> StaticString {
        switch category {
        case .read: "Tools that read may be called freely, within the rules about their arguments."
        case .write: "Tools that write should have a limit, so that no loop changes things in bulk."
        case .execute: "Tools that execute should have a low limit and rules about their arguments."
        case .destructive: "Tools that destroy should be hidden from agents that do not need them."
        case .financial: "Tools that move money should ask a person each time."
        }
    }

    /// What a confidence means.
    static func confidence(_ confidence: Classification.Confidence) -> StaticString {
        switch confidence {
        case .low: "Low confidence: the definition says little, so the more severe reading was taken."
        case .medium: "Medium confidence: the definition says enough, but not all of it points the same way."
        case .high: "High confidence: the definition says so in plain words."
        }
    }

    static func title(_ category: ToolCategory) -> String { capital(category.rawValue) }
    static func title(_ severity: Severity) -> String { capital(severity.rawValue) }

    static func effect(_ effect: Attack.Effect) -> StaticString {
        switch effect {
        case .stops: "A gateway stops the harmful step."
        case .limits: "A gateway makes it less likely, or the damage smaller."
        case .none: "It happens where no gateway is; the policy keeps its consequences small."
        }
    }

    static func stopper(_ stopper: Attack.Stopper) -> StaticString {
        switch stopper {
        case .policy: "the policy below"
        case .finding: "a finding of the scan"
        case .pin: "a pinned definition"
        case .gateway: "a standing protection of the gateway, whatever the policy"
        }
    }

    static func kind(_ kind: Attack.Kind) -> StaticString {
        switch kind {
        case .cve: "Published flaw"
        case .incident: "Incident"
        case .research: "Research"
        case .pattern: "Pattern"
        }
    }

    private static func capital(_ word: String) -> String { word.prefix(1).uppercased() + word.dropFirst() }
}
