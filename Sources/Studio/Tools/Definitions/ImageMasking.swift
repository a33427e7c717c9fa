import Imaging
import JSON

extension ToolDefinition {
    /// `imageMasking`: finds faces, parts of them, hands or people and paints them white on black, for inpainting.
    static func imageMasking(_ engines: EngineRouter) -> ToolDefinition {
        let catalogue = MaskModel.allCases.map(\.rawValue)
        let others = engines.models(.masking).map(\.model.id).filter { !catalogue.contains($0) }
        return ToolDefinition(
            name: "imageMasking", title: "Make a mask",
            summary: """
                Finds faces, facial parts, hands or people in a picture and returns one mask of its size: white where \
                something was found, black elsewhere, all detections merged, and the box of each detection in pixels. Use \
                the mask for inpainting or for cutting out. Finding nothing is no failure: the mask is black, \
                `detections` is empty and `warning` says so.
                """,
            operation: .masking,
            parameters: [
                .required(
                    "inputImage", .image,
                    "The picture: its UUID from imageUpload, a path inside a readable folder, an https URL, a data URI, or base64. PNG, JPEG or WebP."
                ),
                .optional(
                    "model", .choice(catalogue + others),
                    "What to look for: @1, @2, @6 (up to about 5 m), @7 (up to about 2 m) faces as boxes; @8 whole faces by outline; @9, @15 eyes; @10 eyes and lips; @11 nose and eyes; @12 nose and lips; @13 nose; @14 lips; @3 hands; @4, @5 people.",
                    default: .text("runware:35@1")),
                .optional(
                    "confidence", .number(0...1), "Detections below this confidence are dropped.",
                    default: .number(0.25)),
                .optional(
                    "maxDetections", .integer(1...20), "At most so many detections; the most confident are kept.",
                    default: .integer(6)),
                .optional(
                    "maskPadding", .integer(-40...40),
                    "Pixels by which each area grows (negative: shrinks) on every side.",
                    default: .integer(4)),
                .optional(
                    "maskBlur", .integer(0...20), "Pixels of soft fade added outside each area.", default: .integer(4)),
            ] + OutputChoice.parameters() + OutputChoice.money,
            yields: .pictures(prefix: "maskImage"), echo: "inputImage",
            members: [
                (
                    "detections",
                    [
                        "type": "array",
                        "description": "Boxes in pixels of the picture, the most confident first.",
                        "items": [
                            "type": "object",
                            "properties": [
                                "x_min": ["type": "integer", "minimum": 0], "y_min": ["type": "integer", "minimum": 0],
                                "x_max": ["type": "integer", "minimum": 0], "y_max": ["type": "integer", "minimum": 0],
                            ],
                            "required": ["x_min", "y_min", "x_max", "y_max"],
                            "additionalProperties": false,
                        ],
                    ]
                )
            ],
            facts: [
                (
                    "coverage",
                    [
                        "type": "number", "minimum": 0, "maximum": 1,
                        "description": "Share of the mask that is not black.",
                    ]
                )
            ],
            product: "mask", annotatesCoverage: true)
    }
}
