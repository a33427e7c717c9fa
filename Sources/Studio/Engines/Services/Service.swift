import HTTP

/// A service behind an engine, as results and errors speak of it.
enum Service: String, Sendable {
    case runware
    case bfl

    /// For sentences.
    var title: String {
        switch self {
        case .runware: "Runware"
        case .bfl: "BFL"
        }
    }

    /// What an error says of it when nothing more is known.
    var facts: ServiceFacts { ServiceFacts(engine: rawValue) }

    /// It said something that has no meaning.
    func misunderstood(_ what: String) -> StudioError {
        StudioError(.serviceFailed, "\(title) was not understood: \(what)", service: facts)
    }

    /// Its answer did not come.
    func silent(_ failure: Web.Failure) -> StudioError { Web.error(failure, "\(title)'s answer", facts) }
}

extension Origin {
    /// Whether what may be sent to the other, a key say, may be sent here: same host, port and protection.
    func isSame(as other: Origin) -> Bool {
        host == other.host && port == other.port && (trust == nil) == (other.trust == nil)
    }
}
