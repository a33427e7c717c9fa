import Imaging

/// The fifteen mask models of the original by their ids, and which of them this studio runs.
struct CataloguedMaskModel: Sendable, Equatable {
    let id: String
    let name: String
    let covers: String
    /// The model on this machine that does this; nil when there is none.
    let local: MaskModel?
    /// The id of a local model that covers the same thing, for those that have none of their own.
    let substitute: MaskModel?
}

extension CataloguedMaskModel {
    /// In the order of the ids.
    static let all: [CataloguedMaskModel] = (1...15).map { number in
        let id = "runware:35@\(number)"
        if let model = MaskModel(rawValue: id) {
            return CataloguedMaskModel(id: id, name: model.title, covers: model.summary, local: model, substitute: nil)
        }
        return unavailable(id, number)
    }

    /// YOLOv8 and its weights are AGPL-3.0, so none of the first five is shipped.
    private static func unavailable(_ id: String, _ number: Int) -> CataloguedMaskModel {
        let (name, covers, substitute): (String, String, MaskModel?) =
            switch number {
            case 1: ("face_yolov8n", "faces", .faceFull)
            case 2: ("face_yolov8s", "faces", .faceFull)
            case 3: ("hand_yolov8n", "hands", nil)
            case 4: ("person_yolov8n-seg", "people", nil)
            case 5: ("person_yolov8s-seg", "people", nil)
            default: ("unknown", "unknown", nil)
            }
        return CataloguedMaskModel(id: id, name: name, covers: covers, local: nil, substitute: substitute)
    }

    /// The entry of an id; nil for an unknown one.
    static func named(_ id: String) -> CataloguedMaskModel? {
        all.first { $0.id == id }
    }
}
