import Base
import Imaging
import JSON

/// Turns what an engine made into what the caller asked for: files, handles, links, previews.
struct Delivery: Sendable {
    private let definition: ToolDefinition
    private let output: OutputChoice
    private let workshop: Workshop
    private let call: CallContext

    init(_ definition: ToolDefinition, _ output: OutputChoice, _ workshop: Workshop, _ call: CallContext) {
        self.definition = definition
        self.output = output
        self.workshop = workshop
        self.call = call
    }

    /// Previews in one answer: they cost the caller's context.
    private static let maxPreviews = 4

    /// One thing on disk.
    fileprivate struct Made: Sendable {
        let resource: ResourceURI
        /// Its handle: of the object in our store, or of the video.
        let id: UUIDText
        let path: String
        let mimeType: String
        let bytes: Int
        /// Empty for videos, which never travel inside an answer.
        var file: [UInt8] = []
        var width = 0
        var height = 0
        var preview: Preview?
        var coverage: Double?
        /// Whether it was transparent and could not stay so.
        var isFlattened = false
        var url: String?
    }

    /// What an engine made, in files.
    struct Written: Sendable {
        /// With the items whose files could be written.
        fileprivate var result: EngineResult
        fileprivate var made: [Made?] = []
        fileprivate var lost: [StudioError] = []
    }

    /// Writes everything. It may be paid for, so what fails takes nothing else with it. Blocks: worker threads only.
    func write(_ given: EngineResult) throws(StudioError) -> Written {
        var written = Written(result: given)
        written.result.items = []
        for (i, item) in given.items.enumerated() {
            do throws(StudioError) {
                written.made.append(try write(item, i < Self.maxPreviews))
                written.result.items.append(item)
            } catch {
                if error.code == .cancelled { throw error }
                written.lost.append(error)
            }
        }
        if written.result.items.isEmpty, let error = written.lost.first { throw error.after(given.task) }
        if !written.result.items.isEmpty { try call.step("\(definition.product) written") }
        return written
    }

    /// Puts the result together, and sends it where it is wanted as well.
    func outcome(of written: Written, _ job: EngineJob, engine: String) async throws(StudioError) -> ToolOutcome {
        var (result, made, lost) = (written.result, written.made, written.lost)
        lost += try await upload(made.compactMap { $0 })
        if output.form == .url || definition.yields == .video {
            for i in made.indices {
                guard let file = made[i] else { continue }
                do throws(StudioError) {
                    made[i]?.url = try await workshop.publisher.url(
                        for: FileLinks.Target(path: file.path, mimeType: file.mimeType))
                } catch { lost.append(error) }
            }
        }
        if made.contains(where: { $0?.isFlattened == true }) {
            result.warnings.append(
                "JPG knows no transparency, so what is transparent was laid on white; ask for PNG or WEBP to keep it")
        }
        let task = result.task
        result.failures += lost.map { $0.after(task) }
        let files = made.compactMap { $0 }
        let items = zip(result.items, made).map { item, file in self.item(item, file, job, result) }
        return ToolOutcome(
            message: message(result, files), data: items, facts: facts(result, files, engine),
            previews: files.compactMap(\.preview),
            links: files.map { file in
                ResourceLink(
                    uri: file.resource.text, name: Files.name(of: file.path),
                    description: file.width > 0
                        ? "The \(definition.product), \(file.width)×\(file.height) pixels"
                        : "The \(definition.product)",
                    mimeType: file.mimeType, size: file.bytes)
            }, failures: result.failures)
    }

    // MARK: Files (blocking)

    private func write(_ item: EngineItem, _ previews: Bool) throws(StudioError) -> Made? {
        switch item.content {
        case .none: return nil
        case .video(let id, let path, let mimeType, let bytes):
            return Made(resource: .video(id), id: id, path: path, mimeType: mimeType, bytes: bytes)
        case .pixels(let picture):
            return try keep(try encoded(picture), picture, previews)
        case .picture(let bytes):
            let probe: ImageProbe
            let picture: PixelImage
            do throws(ImagingError) {
                probe = try ImageProbe(bytes, limits: workshop.limits)
                picture = try PixelImage.decode(bytes, as: probe.hasAlpha ? .rgba8 : .rgb8, limits: workshop.limits)
            } catch {
                throw StudioError(.serviceFailed, "the service's picture can't be read: \(error.message)")
            }
            // What came in the wanted form stays as it is, but for what it says about its making.
            let isAsWanted = probe.format == output.format && probe.orientation == .upright
            let stripped = isAsWanted ? Metadata.stripped(bytes, probe.format) : []
            return try keep(stripped.isEmpty ? encoded(picture) : stripped, picture, previews)
        }
    }

    private func encoded(_ picture: PixelImage) throws(StudioError) -> [UInt8] {
        do throws(ImagingError) {
            return try picture.encode(output.format, quality: output.quality)
        } catch {
            throw StudioError(imaging: error)
        }
    }

    private func keep(_ file: [UInt8], _ picture: PixelImage, _ previews: Bool) throws(StudioError) -> Made {
        let preview = previews ? try workshop.preview(picture) : nil
        try call.checkCancelled()
        let format = output.format
        let stored = try workshop.store.put(
            file, format: format, width: picture.width, height: picture.height, durable: false)
        let path: String
        if let name = output.fileName {
            path = try workshop.outputs.write(file, named: name, format: format)
        } else {
            let kind = definition.operation == .masking ? "mask" : definition.name
            path = try workshop.outputs.write(file, kind: kind, id: stored.id, format: format)
        }
        let coverage = definition.annotatesCoverage ? try? Mask(picture.converted(to: .gray8)).coverage : nil
        return Made(
            resource: .picture(stored.id), id: stored.id, path: path, mimeType: format.mimeType, bytes: file.count,
            file: file, width: picture.width, height: picture.height, preview: preview, coverage: coverage,
            isFlattened: format == .jpeg && picture.isTransparent)
    }

    // MARK: The answer

    /// Sends what was made to the caller's endpoint; gives what could not be sent.
    private func upload(_ files: [Made]) async throws(StudioError) -> [StudioError] {
        guard let endpoint = output.uploadEndpoint else { return [] }
        var failures: [StudioError] = []
        for file in files {
            let content = ResultFile(mimeType: file.mimeType, bytes: file.bytes) { () throws(StudioError) -> [UInt8] in
                if !file.file.isEmpty { return file.file }
                do throws(Files.Failure) {
                    return try Files.read(file.path, limit: file.bytes)
                } catch { throw StudioError(storage: error) }
            }
            do throws(StudioError) {
                try await workshop.uploader.put(content, to: endpoint, call)
            } catch {
                if error.code == .cancelled { throw error }
                failures.append(error.about("uploadEndpoint"))
            }
        }
        return failures
    }

    private func item(_ item: EngineItem, _ file: Made?, _ job: EngineJob, _ result: EngineResult) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("taskType", .string(definition.taskType)), ("taskUUID", .string(output.taskUUID)),
        ]
        if let echo = definition.echo, let picture = job.pictures[echo] {
            switch picture {
            case .stored(let image): members.append(("inputImageUUID", .string(image.id.text)))
            case .foreign(let id): members.append(("inputImageUUID", .string(id.text)))
            }
        }
        if let file {
            let prefix: String
            if case .pictures(let name) = definition.yields { prefix = name } else { prefix = "video" }
            members.append(("\(prefix)UUID", .string(file.id.text)))
            if let url = file.url {
                members.append(("\(prefix)URL", .string(url)))
            } else if output.form == .dataURI {
                members.append(
                    ("\(prefix)DataURI", .string("data:\(file.mimeType);base64,\(Base64.encode(file.file))")))
            } else if output.form == .base64 {
                members.append(("\(prefix)Base64Data", .string(Base64.encode(file.file))))
            }
            members.append(("\(prefix)Path", .string(file.path)))
            if file.width > 0 { members += [("width", .int(file.width)), ("height", .int(file.height))] }
        }
        members += item.members.map { ($0.key, $0.value) }
        if output.includesCost, let cost = item.cost ?? (result.items.count == 1 ? result.cost : nil) {
            members.append(("cost", .decimal(cost)))
        }
        return .members(members)
    }

    private func facts(_ result: EngineResult, _ files: [Made], _ engine: String) -> [JSONMember] {
        var facts = [JSONMember("engine", .string(engine)), JSONMember("model", .string(result.model))]
        if let cost = result.cost { facts.append(JSONMember("cost", .decimal(cost))) }
        if let first = files.first, first.width > 0 {
            facts += [JSONMember("width", .int(first.width)), JSONMember("height", .int(first.height))]
        }
        if let coverage = files.first?.coverage {
            facts.append(JSONMember("coverage", .real((coverage * 10_000).rounded() / 10_000)))
        }
        facts += result.facts
        var warnings = result.warnings
        if definition.operation == .masking { warnings += maskWarnings(result, files.first?.coverage) }
        if !warnings.isEmpty { facts.append(JSONMember("warning", .string(warnings.joined(separator: ". ")))) }
        if !result.failures.isEmpty { facts.append(JSONMember("partial", .bool(true))) }
        return facts
    }

    private func maskWarnings(_ result: EngineResult, _ coverage: Double?) -> [String] {
        if Self.detections(result) == 0 {
            return ["nothing was found, so the mask is all black; try a lower confidence or another model"]
        }
        return coverage == 0 ? ["the mask is all black, because maskPadding shrank every area away"] : []
    }

    private static func detections(_ result: EngineResult) -> Int? {
        guard let found = result.items.first?.members.first(where: { $0.key == "detections" })?.value,
            case .array(let boxes) = found
        else { return nil }
        return boxes.count
    }

    private func message(_ result: EngineResult, _ files: [Made]) -> String {
        if let message = result.message { return message }
        if definition.operation == .masking, let count = Self.detections(result) {
            switch count {
            case 0: return "Nothing was found; the mask is all black."
            case 1: return "The mask is made: 1 detection."
            default: return "The mask is made: \(count) detections."
            }
        }
        let count = max(result.items.count, files.count)
        return count == 1 ? "The \(definition.product) is made." : "\(count) \(definition.product)s are made."
    }
}
