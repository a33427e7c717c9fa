/// The models of Black Forest Labs behind Flux Studio's names.
enum BFLEndpoint {
    /// The service's name of a model, as its URL has it. Nil for models that are not the service's, retired ones too.
    static func name(_ model: String?) -> String? {
        switch model {
        case "flux.1.1-pro": "flux-pro-1.1"
        case "flux.1-dev": "flux-dev"
        case "flux.1.1-ultra": "flux-pro-1.1-ultra"
        case "flux-kontext-pro", "flux-kontext-max", "flux-2-pro", "flux-2-flex", "flux-2-max", "flux-pro-1.0-fill":
            model
        default: nil
        }
    }

    /// What its maker no longer serves, and what comes nearest today.
    static func successor(_ model: String) -> String? {
        model == "flux.1-pro" ? "flux.1.1-pro" : nil
    }

    /// What each operation can be asked of.
    static func serves(_ operation: Operation, _ model: String) -> Bool {
        switch operation {
        case .generate, .editImage: name(model) != nil && model != "flux-pro-1.0-fill"
        case .inpaint: model == "flux-pro-1.0-fill"
        case .control: ["flux-kontext-pro", "flux-kontext-max", "flux-2-pro"].contains(model)
        default: false
        }
    }

    /// `api.bfl.ai`, `api.eu.bfl.ai` and the like, and the same under the older domain.
    static func isOwnHost(_ host: String) -> Bool {
        guard host.hasPrefix("api.") else { return false }
        return [".bfl.ai", ".bfl.ml"].contains { suffix in
            guard host.hasSuffix(suffix) else { return false }
            // Between both lies nothing or one region.
            let middle = host.dropFirst(3).dropLast(suffix.utf8.count)
            return middle.isEmpty
                || middle.dropFirst().utf8.allSatisfy {
                    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                }
        }
    }
}
