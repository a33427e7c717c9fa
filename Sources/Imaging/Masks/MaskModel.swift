/// Runware's mask models by their ids.
package enum MaskModel: String, Sendable, CaseIterable {
    case faceNano = "runware:35@1"
    case faceSmall = "runware:35@2"
    case hands = "runware:35@3"
    case peopleNano = "runware:35@4"
    case peopleSmall = "runware:35@5"
    case faceFull = "runware:35@6"
    case faceShort = "runware:35@7"
    case faceMesh = "runware:35@8"
    case eyesOnly = "runware:35@9"
    case eyesLips = "runware:35@10"
    case noseEyes = "runware:35@11"
    case noseLips = "runware:35@12"
    case nose = "runware:35@13"
    case lips = "runware:35@14"
    case eyes = "runware:35@15"

    /// Runware's own name for it.
    package var title: String {
        switch self {
        case .faceNano: "face_yolov8n"
        case .faceSmall: "face_yolov8s"
        case .hands: "hand_yolov8n"
        case .peopleNano: "person_yolov8n-seg"
        case .peopleSmall: "person_yolov8s-seg"
        case .faceFull: "mediapipe_face_full"
        case .faceShort: "mediapipe_face_short"
        case .faceMesh: "mediapipe_face_mesh"
        case .eyesOnly: "mediapipe_face_mesh_eyes_only"
        case .eyesLips: "eyes_lips_mesh"
        case .noseEyes: "nose_eyes_mesh"
        case .noseLips: "nose_lips_mesh"
        case .nose: "nose_mesh_mediapipe"
        case .lips: "lips_mesh_mediapipe"
        case .eyes: "eyes_mesh_mediapipe"
        }
    }

    /// What it covers, in a few words for a person or an agent.
    package var summary: String {
        switch self {
        case .faceNano, .faceSmall: "boxes around faces, drawn ones too"
        case .hands: "boxes around hands"
        case .peopleNano, .peopleSmall: "people, by their silhouettes"
        case .faceFull: "boxes around real faces up to about 5 m away"
        case .faceShort: "boxes around real faces up to about 2 m away"
        case .faceMesh: "the whole face, as the hull of its 468 landmarks"
        case .eyesOnly, .eyes: "both eyes"
        case .eyesLips: "eyes and lips"
        case .noseEyes: "nose and eyes"
        case .noseLips: "nose and lips"
        case .nose: "the nose"
        case .lips: "the lips"
        }
    }

    /// What finds it here when the user brought no model of this name, for example `mediapipe_hands`; nil when nothing
    /// does: YOLOv8 and its weights are AGPL-3.0 and are not shipped.
    package var builtIn: String? {
        switch kind {
        case nil: nil
        case .palms: "mediapipe_hands"
        case .people: "mediapipe_pose_segmentation"
        case .boxes, .hulls: title
        }
    }

    /// The model that covers the same and needs no file of the user's, for those that do need one.
    package var substitute: MaskModel? { kind == nil ? .faceFull : nil }

    /// How a model is run.
    enum Kind {
        case boxes(Detector.Kind)
        /// Hulls over groups of landmarks, one hull a group.
        case hulls([LandmarkGroup])
        case palms
        case people
    }

    /// nil for what only the user's own model finds.
    var kind: Kind? {
        switch self {
        case .faceNano, .faceSmall: nil
        case .hands: .palms
        case .peopleNano, .peopleSmall: .people
        case .faceFull: .boxes(.fullFace)
        case .faceShort: .boxes(.shortFace)
        case .faceMesh: .hulls([.face])
        case .eyesOnly, .eyes: .hulls([.leftEye, .rightEye])
        case .eyesLips: .hulls([.leftEye, .rightEye, .lips])
        case .noseEyes: .hulls([.nose, .leftEye, .rightEye])
        case .noseLips: .hulls([.nose, .lips])
        case .nose: .hulls([.nose])
        case .lips: .hulls([.lips])
        }
    }
}

/// Parts of the face by their landmarks. SPEC: mediapipe, python/solutions/face_mesh_connections (Apache License 2.0).
enum LandmarkGroup: Sendable, CaseIterable {
    case face, leftEye, rightEye, lips, nose

    /// Left and right are the subject's. The rings are unordered here: a hull is taken of them.
    var indices: [Int] {
        switch self {
        case .face: Array(0..<FaceMesh.count)
        case .leftEye: [263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398]
        case .rightEye: [33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173]
        case .lips: [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409]
        case .nose:
            [
                168, 6, 197, 195, 5, 4, 1, 19, 94, 2, 98, 97, 326, 327, 294, 278, 344, 440, 275, 45, 220, 115, 48, 64,
            ]
        }
    }
}
