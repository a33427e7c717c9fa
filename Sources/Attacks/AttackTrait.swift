internal import Risk

/// What makes a tool, or the server it belongs to, of use to an attack.
package enum AttackTrait: String, Sendable, CaseIterable {
    case everyTool = "every_tool"
    case urlArgument = "url_argument"
    case filePathArgument = "file_path_argument"
    case sqlArgument = "sql_argument"
    case commandArgument = "command_argument"
    case recipientArgument = "recipient_argument"
    case paymentArgument = "payment_argument"
    case objectID = "object_id"
    case guardFlag = "guard_flag"
    case bulk
    case genericRun = "generic_run"
    case untrustedContent = "untrusted_content"
    case privateData = "private_data"
    case sendsOutside = "sends_outside"
    case writesConfiguration = "writes_configuration"
    case sampling, elicitation
    case oauthServer = "oauth_server"
    case stdioServer = "stdio_server"
    case openHTTPServer = "open_http_server"
    case remoteAgent = "remote_agent"
    case rivalTools = "rival_tools"
    case unattended
    case gateway

    /// Whether a definition alone can show it; the others are traits of servers, sessions and of the gateway.
    var signal: RiskSignal.Code? {
        switch self {
        case .urlArgument: .acceptsURL
        case .filePathArgument: .acceptsFilePath
        case .sqlArgument: .acceptsQuery
        case .commandArgument: .acceptsCode
        case .recipientArgument: .acceptsRecipients
        case .paymentArgument: .acceptsAmount
        case .bulk: .bulk
        case .sendsOutside: .externalEffects
        case .everyTool, .objectID, .guardFlag, .genericRun, .untrustedContent, .privateData, .writesConfiguration,
            .sampling, .elicitation, .oauthServer, .stdioServer, .openHTTPServer, .remoteAgent, .rivalTools,
            .unattended,
            .gateway:
            nil
        }
    }
}

/// What a tool does with pictures, sound and films.
package enum MediaTrait: String, Sendable, CaseIterable {
    case imageGeneration = "image_generation"
    case imageEditing = "image_editing"
    case faces
    case imageEnhancement = "image_enhancement"
    case captioning
    case videoAudio = "video_audio"
    case mediaStorage = "media_storage"
    case modelManagement = "model_management"
    case mediaBatch = "media_batch"
    case accountAndHistory = "account_and_history"

    /// Words of which one in a tool's name or title shows the trait, and one of the second list beside it, if that is not
    /// empty. In lower case, without separators.
    private var words: (one: [String], beside: [String]) {
        let media = ["image", "img", "photo", "picture", "video", "audio", "mask", "portrait"]
        return switch self {
        case .imageGeneration:
            (["generate", "inference", "txt2img", "text2image", "texttoimage", "imagine", "create"], media)
        case .imageEditing:
            (["inpaint", "outpaint", "mask", "edit", "img2img", "controlnet", "control"], media + ["inpaint"])
        case .faces: (["face", "photomaker", "portrait", "headshot", "avatar", "styletransfer", "identity"], [])
        case .imageEnhancement:
            (["upscale", "upscaling", "enhance", "backgroundremoval", "removebackground", "vectoriz", "restore"], [])
        case .captioning: (["caption", "ocr", "transcri", "describeimage", "imagetotext", "recogni"], [])
        case .videoAudio: (["video", "audio", "music", "speech", "voice", "tts", "song"], [])
        case .mediaStorage: (["upload", "store", "host"], media + ["media", "file"])
        case .modelManagement: (["model"], ["search", "list", "get", "info", "upload", "train", "download"])
        case .mediaBatch: (["batch", "folder", "watch", "bulk"], media)
        case .accountAndHistory: (["history", "account", "balance", "gallery"], media + ["account", "generation"])
        }
    }

    /// Whether the tool shows the trait.
    func isShown(by tool: ToolDefinition) -> Bool {
        let text = (tool.name + (tool.title ?? "")).lowercased().filter { $0.isLetter || $0.isNumber }
        let (one, beside) = words
        return one.contains(where: text.contains) && (beside.isEmpty || beside.contains(where: text.contains))
    }
}
