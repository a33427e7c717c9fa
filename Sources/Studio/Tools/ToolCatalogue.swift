extension Workshop {
    /// The tools of the given servers, in the order in which agents see them. `profiles` empty: all.
    package func tools(_ profiles: Set<StudioProfile> = []) -> ToolRegistry {
        let shown = profiles.isEmpty ? Set(StudioProfile.allCases) : profiles
        var tools: [any Tool] = []
        func add(_ definition: ToolDefinition) { tools.append(EngineTool(definition: definition, workshop: self)) }
        if shown.contains(.runware) {
            add(.imageInference)
            add(.photoMaker)
            add(.imageUpscale)
            add(.imageBackgroundRemoval)
            add(.imageCaption)
            add(.imageMasking(engines))
            add(.modelSearch)
            add(.videoInference)
            tools.append(ListVideoModelsTool())
            tools.append(GetVideoModelInfoTool())
            tools.append(ImageUploadTool(workshop: self))
        }
        if shown.contains(.flux) {
            add(.generate(engines))
            add(.img2img(engines))
            add(.inpaint(engines))
            add(.control(engines))
        }
        return ToolRegistry(tools)
    }
}

/// The two servers whose tools these are.
package enum StudioProfile: String, Sendable, CaseIterable {
    case runware
    case flux
}
