import JSON

/// What a server may want of a client in the middle of a request.
package enum InputKind: String, Sendable, CaseIterable {
    case form, url, sampling, samplingWithTools, roots

    /// Nil when the method is none of the three that may be asked.
    package init?(method: String, params: JSONView?) {
        switch method {
        case "elicitation/create": self = params?["mode"]?.equals("url") == true ? .url : .form
        case "sampling/createMessage":
            self = params?["tools"] != nil || params?["toolChoice"] != nil ? .samplingWithTools : .sampling
        case "roots/list": self = .roots
        default: return nil
        }
    }

    /// Whether a client with these capabilities may be asked.
    package func isDeclared(in capabilities: JSONView) -> Bool {
        func has(_ view: JSONView?) -> Bool { view?.kind == .object }
        let elicitation = capabilities["elicitation"]
        return switch self {
        case .form: elicitation.map(Self.allowsForms) ?? false
        case .url: has(elicitation) && has(elicitation?["url"])
        case .sampling: has(capabilities["sampling"])
        case .samplingWithTools: has(capabilities["sampling"]) && has(capabilities["sampling"]?["tools"])
        case .roots: has(capabilities["roots"])
        }
    }

    /// Whether an `elicitation` capability is for forms. One without members is for nothing else.
    static func allowsForms(_ elicitation: JSONView) -> Bool {
        elicitation.kind == .object && (elicitation["form"]?.kind == .object || elicitation["url"] == nil)
    }

    /// An object shaped like client capabilities: what `requiredCapabilities` of error -32021 says.
    package var capability: JSONValue {
        switch self {
        case .form: ["elicitation": ["form": [:]]]
        case .url: ["elicitation": ["url": [:]]]
        case .sampling: ["sampling": [:]]
        case .samplingWithTools: ["sampling": ["tools": [:]]]
        case .roots: ["roots": [:]]
        }
    }

    /// The first version that has it.
    package var since: ProtocolVersion {
        switch self {
        case .sampling, .roots: .november2024
        case .form: .june2025
        case .url, .samplingWithTools: .november2025
        }
    }

    /// For messages to people.
    package var text: String {
        switch self {
        case .form: "a form (elicitation)"
        case .url: "a visit to a web page (URL elicitation)"
        case .sampling: "a model's answer (sampling)"
        case .samplingWithTools: "a model's answer with tools (sampling)"
        case .roots: "the list of roots"
        }
    }
}
