extension Workshop {
    /// The tools of the given servers, in the order in which agents see them. `profiles` empty: all.
    package func tools(_ profiles: Set<StudioProfile> = []) -> ToolRegistry {
        var tools: [any Tool] = []
        for profile in StudioProfile.allCases where profiles.isEmpty || profiles.contains(profile) {
            tools += ToolDefinition.all(profile, engines).map { EngineTool(definition: $0, workshop: self) }
            if profile == .runware {
                tools += [ListVideoModelsTool(), GetVideoModelInfoTool(), ImageUploadTool(workshop: self)]
            }
        }
        return ToolRegistry(tools, shelf: self)
    }
}

extension ToolDefinition {
    /// The tools of a server that an engine carries out.
    static func all(_ profile: StudioProfile, _ engines: EngineRouter) -> [ToolDefinition] {
        switch profile {
        case .runware:
            [
                imageInference, photoMaker, imageUpscale, imageBackgroundRemoval, imageCaption, imageMasking(engines),
                modelSearch, videoInference,
            ]
        case .flux: [generate(engines), img2img(engines), inpaint(engines), control(engines)]
        }
    }
}

/// The two servers whose tools these are.
package enum StudioProfile: String, Sendable, CaseIterable {
    case runware
    case flux
}
