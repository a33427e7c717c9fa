import Imaging
import JSON

/// Where a result or an upload can be read by MCP's `resources/read`, however far away the client is: `http` links and paths
/// mean something on this machine only.
///
/// A URI holds the UUID that tools take and nothing else: who has it may use the picture, so who has it may read it. There
/// is no list of all of them; a session is told of those that its own calls made.
package enum ResourceURI: Sendable, Equatable {
    case picture(UUIDText)
    case video(UUIDText)

    /// Reads `studio://pictures/<uuid>` and `studio://videos/<uuid>`.
    package init?(_ text: String) {
        for (place, make) in Self.places where text.hasPrefix(place) {
            guard let id = UUIDText(String(text.dropFirst(place.count))) else { return nil }
            self = make(id)
            return
        }
        return nil
    }

    private static let places: [(String, @Sendable (UUIDText) -> ResourceURI)] = [
        ("studio://pictures/", { .picture($0) }), ("studio://videos/", { .video($0) }),
    ]

    /// As `resource_link` says it.
    package var text: String {
        switch self {
        case .picture(let id): "studio://pictures/\(id.text)"
        case .video(let id): "studio://videos/\(id.text)"
        }
    }

    /// The result of `resources/templates/list`.
    static let templates: JSONValue = [
        "resourceTemplates": [
            [
                "uriTemplate": "studio://pictures/{uuid}", "name": "picture",
                "description": "A result's or an upload's picture, by the UUID that tools give and take.",
            ],
            [
                "uriTemplate": "studio://videos/{uuid}", "name": "video",
                "description": "A result's video, by its videoUUID.",
            ],
        ]
    ]
}

/// What `resources/read` brings.
package struct ResourceContents: Sendable, Equatable {
    /// Of the file.
    package let mimeType: String
    /// The file.
    package let bytes: [UInt8]
}

/// What can be read as a resource.
package protocol ResourceShelf: Sendable {
    /// The file behind a URI. Blocks: worker threads only.
    /// - Throws: `imageNotFound` when there is none (any more), `imageTooLarge` for what is too long for a message.
    func contents(of uri: ResourceURI) throws(StudioError) -> ResourceContents
}

extension Workshop: ResourceShelf {
    /// Bytes of a resource; in a message it takes a third more.
    private static let maxResourceBytes = 64 << 20

    package func contents(of uri: ResourceURI) throws(StudioError) -> ResourceContents {
        switch uri {
        case .picture(let id):
            guard let image = store.image(id) else { throw Self.unknown(uri) }
            guard image.bytes <= Self.maxResourceBytes else { throw Self.tooLarge(image.bytes) }
            return ResourceContents(mimeType: image.format.mimeType, bytes: try store.read(image))
        case .video(let id):
            guard let (path, mimeType) = outputs.video(id) else { throw Self.unknown(uri) }
            let file = try OpenFile(path)
            guard file.size <= Self.maxResourceBytes else { throw Self.tooLarge(file.size) }
            return ResourceContents(mimeType: mimeType, bytes: try file.read(0..<file.size))
        }
    }

    private static func unknown(_ uri: ResourceURI) -> StudioError {
        StudioError(.imageNotFound, "there is no \(uri.text) (any more)")
    }

    private static func tooLarge(_ bytes: Int) -> StudioError {
        StudioError(
            .imageTooLarge,
            "it has \(bytes) bytes, too many for a message (\(maxResourceBytes)); fetch the result's link or send it to an uploadEndpoint"
        )
    }
}
