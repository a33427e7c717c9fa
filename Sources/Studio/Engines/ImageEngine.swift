import Base
import Imaging
import JSON

/// What can be asked of an engine. Each has one or more tools.
package enum Operation: String, Sendable, CaseIterable {
    case imageInference
    case photoMaker
    case upscale
    case removeBackground
    case caption
    case masking
    case modelSearch
    case video
    /// Flux Studio's `generate`: text to picture.
    case generate
    /// Flux Studio's `img2img`: picture and text to picture.
    case editImage
    /// Flux Studio's `inpaint`: repaint a region.
    case inpaint
    /// Flux Studio's `control`: a picture that follows the structure of another.
    case control
    /// The map (edges, say) that such a picture follows.
    case controlMap
}

/// Something that carries out image work: the models on this machine, or a service. Tools know engines only by this.
package protocol ImageEngine: Sendable {
    /// What results say of where the work was done: `local`, `runware`, `bfl`.
    var name: String { get }

    /// Whether the engine could do this with this model (nil: with one of its own choice). Cheap; loads nothing.
    func readiness(_ operation: Operation, model: String?) -> Readiness

    /// The models to offer by name in a tool's description and schema. Empty when the list is the service's.
    func models(_ operation: Operation) -> [EngineModel]

    /// The id of a model of this engine that covers the same thing as one that nobody has.
    func substitute(_ operation: Operation, model: String) -> EngineModel?

    /// Carries out a job for which `readiness` said `ready`. Runs on the loop: what blocks goes through `call.work`.
    func perform(_ job: EngineJob, _ call: CallContext) async throws(StudioError) -> EngineResult
}

extension ImageEngine {
    /// None, unless the engine says otherwise.
    package func substitute(_ operation: Operation, model: String) -> EngineModel? { nil }
}

/// Whether an engine can do something.
package enum Readiness: Sendable, Equatable {
    case ready
    /// It is this engine's to do, but something is missing: what, and how to get it.
    case lacking(StudioError)
    /// It is not this engine's to do.
    case foreign
}

/// A model as agents see it.
package struct EngineModel: Sendable, Equatable {
    /// What `model` takes.
    package let id: String
    /// Its usual name.
    package let title: String
    /// What it is good for, in a few words.
    package let covers: String

    /// A model by its id.
    package init(id: String, title: String, covers: String) {
        self.id = id
        self.title = title
        self.covers = covers
    }
}

/// A picture that came with a call.
package enum JobPicture: Sendable, Equatable {
    /// In our store.
    case stored(StoredImage)
    /// A UUID that is not ours; perhaps a service knows it.
    case foreign(UUIDText)
}

/// One piece of work for an engine: checked arguments, resolved pictures.
package struct EngineJob: Sendable {
    /// What is to be done.
    package let operation: Operation
    /// The tool's name, as results and errors call the task.
    package let tool: String
    /// The model that was asked for; nil: the engine's choice.
    package var model: String?
    /// Checked; pictures are named as the caller named them, see ``pictures``.
    package var arguments: ToolArguments
    /// By the argument's path, such as `seedImage` or `controlNet[0].guideImage`.
    package var pictures: [String: JobPicture]
    /// The caller's, or a new one. A service that saw it already does not do the work twice.
    package let taskUUID: String
    /// In which form results are wanted; engines that make files should make this one.
    package let format: ImageFormat
    /// 20…99.
    package let quality: Int
    /// Where pictures lie.
    package let store: ObjectStore
    /// What a picture may cost.
    package let limits: ImageLimits

    /// A picture's file. Blocks: worker threads only.
    /// - Throws: `imageNotFound` for a UUID that is not ours; `missingParameter` when there is no such argument.
    package func file(_ path: String) throws(StudioError) -> [UInt8] {
        switch pictures[path] {
        case .stored(let image): return try store.read(image)
        case .foreign(let id):
            throw StudioError(
                .imageNotFound, parameter: path,
                "there is no picture with the UUID \(id.text) (any more); upload it with imageUpload")
        case nil: throw StudioError(.missingParameter, parameter: path, "`\(path)` is required")
        }
    }

    /// A picture's pixels, its orientation applied. Blocks: worker threads only.
    package func pixels(_ path: String, as layout: PixelImage.Layout = .rgb8) throws(StudioError) -> PixelImage {
        let file = try file(path)
        do throws(ImagingError) {
            return try PixelImage.decode(file, as: layout, limits: limits)
        } catch {
            throw StudioError(imaging: error).about(path)
        }
    }
}

/// What came of a job.
package struct EngineResult: Sendable {
    /// Stands for the model of a call that named none, when the service does not say which it took.
    static let ownModel = "the service's own"

    /// The model that did it.
    package var model: String
    /// What was made, in order.
    package var items: [EngineItem]
    /// US dollars; nil when the engine does not say and no price is known.
    package var cost: ExactDecimal?
    /// Members of the result beside `engine`, `model` and `cost`: `coverage`, say.
    package var facts: [JSONMember]
    /// Things to know about the result.
    package var warnings: [String]
    /// What went wrong with a part of the job while the rest succeeded.
    package var failures: [StudioError]
    /// What to say in one sentence; nil: the tool's own words.
    package var message: String?
    /// What later errors have to say of the service's task; nil: nothing was paid for.
    package var task: ServiceFacts?

    /// A result; all but the model and the items may be left out.
    package init(
        model: String, items: [EngineItem], cost: ExactDecimal? = nil, facts: [JSONMember] = [],
        warnings: [String] = [], failures: [StudioError] = [], message: String? = nil,
        task: ServiceFacts? = nil
    ) {
        self.model = model
        self.items = items
        self.cost = cost
        self.facts = facts
        self.warnings = warnings
        self.failures = failures
        self.message = message
        self.task = task
    }
}

/// One thing that was made.
package struct EngineItem: Sendable {
    /// What it is made of.
    package enum Content: Sendable {
        /// A picture that the tool still has to write in the wanted format.
        case pixels(PixelImage)
        /// A picture's file as a service made it.
        case picture([UInt8])
        /// A video in the output folder, named after its id.
        case video(id: UUIDText, path: String, mimeType: String, bytes: Int)
        /// Nothing but its members.
        case none
    }

    /// What it is made of.
    package var content: Content
    /// Members of its object in `result.data`: `seed`, `detections`, `text`.
    package var members: [JSONMember]
    /// US dollars for this item, where the service says so.
    package var cost: ExactDecimal?

    /// An item.
    package init(_ content: Content, members: [JSONMember] = [], cost: ExactDecimal? = nil) {
        self.content = content
        self.members = members
        self.cost = cost
    }
}
