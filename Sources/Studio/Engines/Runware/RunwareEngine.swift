import Base
import HTTP
import Imaging
import JSON
import Runtime

/// Runware's API as an engine. Each call is one task; what it made is brought here at once.
package struct RunwareEngine: ImageEngine {
    private let client: RunwareClient
    private let downloads: Downloads
    private let remote: RemotePictures
    private let outputs: OutputFolder

    /// - Parameters:
    ///   - web: the program's HTTP client; calls run on its loop.
    ///   - folder: a folder of ours, for what the service knows already.
    init(
        _ web: Web, _ options: ServiceOptions, _ key: ServiceKey, folder: String, outputs: OutputFolder,
        limits: ImageLimits
    ) throws(StudioError) {
        client = try RunwareClient(web, options, key)
        downloads = Downloads(
            web: web, service: .runware, options: options, home: client.home, maxPictureBytes: limits.maxBytes)
        remote = RemotePictures(folder: folder)
        self.outputs = outputs
    }

    package let name = Service.runware.rawValue

    package func models(_ operation: Operation) -> [EngineModel] { [] }

    package func readiness(_ operation: Operation, model: String?) -> Readiness {
        RunwareTask.serves(operation, model) ? .ready : .foreign
    }

    package func perform(_ job: EngineJob, _ call: CallContext) async throws(StudioError) -> EngineResult {
        let span = job.operation == .video ? client.options.videoDeadline : client.options.deadline
        let deadline = client.web.moment(after: span)
        if job.arguments.boolean("dryRun") == true {
            return try dryRun(job, try await ask(job, isDryRun: true, until: deadline, call))
        }
        let task = ServiceFacts(engine: name, taskUUID: job.taskUUID)
        do throws(StudioError) {
            let first = try await ask(job, isDryRun: false, until: deadline, call)
            let reply = try await complete(first, job, until: deadline, call)
            var result = try await self.result(reply, job, until: deadline, call)
            if job.arguments.isGiven("taskUUID"), first.problems.contains(where: \.isConflict) {
                result.warnings.append(
                    "Runware knew this taskUUID already, so this is the result of that task's first call, whatever the "
                        + "other arguments say now; give a new taskUUID, or none, for a new result")
            }
            result.failures = result.failures.map { $0.after(task) }
            result.task = task
            return result
        } catch {
            // What this machine says of an argument has nothing to do with the service.
            throw error.service == nil && error.parameter != nil ? error : error.after(task)
        }
    }

    // MARK: Sending

    /// The first answer to a job.
    private func ask(
        _ job: EngineJob, isDryRun: Bool, until deadline: TimeSpan, _ call: CallContext
    ) async throws(StudioError) -> RunwareReply {
        let sent = try await send(job, isDryRun: isDryRun, until: deadline, call)
        guard sent.usedMemory, sent.reply.items.isEmpty,
            sent.reply.problems.contains(where: { Self.isLostPicture($0, job) })
        else {
            return sent.reply
        }
        // The service forgot a picture before we did: send them all anew, once.
        for case .stored(let image) in job.pictures.values {
            try await call.work { () throws(StudioError) in remote.forget(image.hash) }
        }
        return try await send(job, isDryRun: isDryRun, until: deadline, call).reply
    }

    private struct Sent {
        let reply: RunwareReply
        /// Whether a picture was named by a UUID of an earlier upload.
        let usedMemory: Bool
    }

    private func send(
        _ job: EngineJob, isDryRun: Bool, until deadline: TimeSpan, _ call: CallContext
    ) async throws(StudioError) -> Sent {
        var names: [String: String] = [:]
        var usedMemory = false
        for path in job.pictures.keys.sorted() {
            switch job.pictures[path] {
            case .foreign(let id): names[path] = id.text
            case .stored(let image):
                if let known = try await call.work({ () throws(StudioError) in remote.uuid(of: image.hash) }) {
                    names[path] = known
                    usedMemory = true
                } else if isDryRun {
                    names[path] = image.id.text
                } else {
                    do throws(StudioError) {
                        names[path] = try await upload(image, job, until: deadline, call)
                    } catch { throw error.about(path) }
                }
            case nil: break
            }
        }
        let known = names
        let arguments = job.arguments.replacingPictures { known[$0] }
        let task = RunwareTask.request(job, arguments)
        try call.step(isDryRun ? "asked for the price" : "sent to Runware")
        return Sent(
            reply: try await client.post([task], isDryRun: isDryRun, until: deadline, call), usedMemory: usedMemory)
    }

    private func upload(
        _ image: StoredImage, _ job: EngineJob, until deadline: TimeSpan, _ call: CallContext
    ) async throws(StudioError) -> String {
        let name = UUIDText.random().text
        let task = try await call.work { () throws(StudioError) -> JSONValue in
            let outgoing = try RemotePictures.outgoing(try job.store.read(image), limits: job.limits)
            return RunwareTask.upload(outgoing.file, outgoing.format, name)
        }
        var reply = try await client.post([task], until: deadline, call)
        if reply.problems.contains(where: \.isConflict) {
            // Accepted before the connection broke.
            reply = try await client.post([RunwareTask.response(to: name)], until: deadline, call)
        }
        guard let uuid = reply.items.first?["imageUUID"]?.string.flatMap({ UUIDText($0) }) else {
            throw reply.problems.first?.error()
                ?? Service.runware.misunderstood("its answer to an upload has no imageUUID")
        }
        try await call.work { () throws(StudioError) in remote.remember(uuid.text, image.hash) }
        try call.step("picture sent to Runware")
        return uuid.text
    }

    private static func isLostPicture(_ problem: RunwareProblem, _ job: EngineJob) -> Bool {
        guard problem.code.contains("mage"), problem.bucket == .notFound || problem.code.hasPrefix("invalid") else {
            return false
        }
        // Said of an argument that is no picture, it is about something else: `invalidOutputImageFormat`.
        guard let name = problem.parameter else { return true }
        return job.pictures.keys.contains { $0 == name || $0.hasPrefix("\(name)[") || $0.hasPrefix("\(name).") }
    }

    // MARK: Waiting

    /// Asks until every result is there or has failed, if not all of them came at once. At the deadline what is there counts.
    private func complete(
        _ first: RunwareReply, _ job: EngineJob, until deadline: TimeSpan, _ call: CallContext
    ) async throws(StudioError) -> RunwareReply {
        var reply = try own(first, job)
        // The service has the task already: our own earlier attempt, or a call that is taken up again.
        let isKnown = reply.problems.contains(where: \.isConflict)
        reply.problems.removeAll(where: \.isConflict)
        let isWaitedFor = isKnown || reply.items.contains { Self.isPending($0, job.operation) }
        let wanted = job.arguments.integer("numberResults") ?? 1
        var wait = client.options.pace.microseconds
        var percent = -1
        while isWaitedFor {
            let isPending = reply.items.contains { Self.isPending($0, job.operation) }
            reply.items.removeAll { Self.isPending($0, job.operation) }
            if reply.items.count + reply.problems.count >= wanted { break }
            // Nothing is on its way any more, and it is said why.
            if !isPending, !reply.problems.isEmpty { break }
            guard client.web.loop.now < deadline else {
                guard !reply.items.isEmpty else { throw late() }
                reply.problems.append(RunwareProblem(code: "timeoutTask", message: "a part of it is still running"))
                break
            }
            try await client.web.pause(TimeSpan(microseconds: wait), until: deadline, call)
            wait = min(wait * 3 / 2, 10 * client.options.pace.microseconds)
            let task = RunwareTask.response(to: job.taskUUID)
            do throws(StudioError) {
                reply = try own(try await client.post([task], until: deadline, call), job)
            } catch {
                if error.code == .timeout { throw late() }
                throw error
            }
            let told = reply.items.compactMap { $0["progress"]?.double }.max().map {
                Int(min(max($0, 0), 100).rounded())
            }
            if let told, told > percent {
                percent = told
                try call.step("Runware is at \(told) %")
            }
        }
        return reply
    }

    private func late() -> StudioError {
        StudioError(.timeout, "the task is still running at Runware", service: Service.runware.facts)
    }

    /// What a reply says of this task.
    /// - Throws: `incompatibleParameters` when the UUID is known as that of another kind of task, an upload say.
    private func own(_ reply: RunwareReply, _ job: EngineJob) throws(StudioError) -> RunwareReply {
        var reply = reply
        reply.items.removeAll { item in item["taskUUID"]?.string.map { $0 != job.taskUUID } ?? false }
        for item in reply.items {
            guard let kind = item["taskType"]?.string, kind != RunwareTask.name(job.operation), kind != "getResponse"
            else { continue }
            throw StudioError(
                .incompatibleParameters, parameter: "taskUUID",
                "`taskUUID` is that of another task at Runware (\(quoted(kind))); leave it out, or give a new one")
        }
        return reply
    }

    private static func isPending(_ item: JSONView, _ operation: Operation) -> Bool {
        if let status = item["status"]?.string { return status != "success" && status != "error" }
        // The acknowledgement of a video has neither a status nor a result.
        return operation == .video && item["videoURL"] == nil
    }

    // MARK: Results

    private func dryRun(_ job: EngineJob, _ reply: RunwareReply) throws(StudioError) -> EngineResult {
        if let problem = reply.problems.first { throw problem.error() }
        return EngineResult(
            model: job.model ?? EngineResult.ownModel, items: [],
            cost: Self.sum(reply.items.map(Self.cost)),
            message: "Nothing was done: this was a dry run.")
    }

    private func result(
        _ reply: RunwareReply, _ job: EngineJob, until deadline: TimeSpan, _ call: CallContext
    ) async throws(StudioError) -> EngineResult {
        var failures = reply.problems.map { $0.error() }
        var items: [EngineItem] = []
        // Nobody has asked for more, and what is brought here is held in memory until all is. A task that an earlier call
        // began may have been asked for as many as there can be.
        let most = job.arguments.isGiven("taskUUID") ? Self.mostResults : job.arguments.integer("numberResults") ?? 1
        for view in reply.items where view["status"]?.string != "error" {
            guard items.count < most, failures.count - reply.problems.count < Self.mostFailures else { break }
            do throws(StudioError) {
                items.append(
                    EngineItem(
                        try await content(view, job, until: deadline, call), members: Self.members(view, job.operation),
                        cost: Self.cost(view)))
            } catch {
                if error.code == .cancelled { throw error }
                failures.append(error)
            }
        }
        guard !items.isEmpty else {
            throw failures.first ?? Service.runware.misunderstood("its answer holds neither a result nor an error")
        }
        if items.count < reply.items.count { try call.step("some results could not be brought here") }
        if failures.count > Self.mostFailures {
            let left = failures.count - Self.mostFailures
            failures = Array(failures.prefix(Self.mostFailures))
            failures.append(Service.runware.misunderstood("it tells of \(left) more problems"))
        }
        return EngineResult(
            model: job.model ?? reply.items.first?["model"]?.string ?? EngineResult.ownModel, items: items,
            cost: Self.sum(reply.items.map(Self.cost)), facts: Self.facts(items, job.operation),
            failures: failures)
    }

    /// Problems of one task that are told one by one.
    private static let mostFailures = 20
    /// As many as `numberResults` takes.
    private static let mostResults = 20

    /// US dollars for one result; nil when it is not said, or makes no sense.
    static func cost(_ view: JSONView) -> ExactDecimal? {
        view["cost"]?.decimal.flatMap { $0.isNegative ? nil : $0 }
    }

    /// Nil unless every one is known.
    private static func sum(_ costs: [ExactDecimal?]) -> ExactDecimal? {
        var total = ExactDecimal.zero
        for cost in costs {
            guard let cost, let next = total.adding(cost) else { return nil }
            total = next
        }
        return costs.isEmpty ? nil : total
    }

    private func content(
        _ view: JSONView, _ job: EngineJob, until deadline: TimeSpan, _ call: CallContext
    ) async throws(StudioError) -> EngineItem.Content {
        switch job.operation {
        case .caption, .modelSearch: return .none
        case .video:
            guard let url = view["videoURL"]?.string else { throw Service.runware.misunderstood("a video has no link") }
            let isWebM = job.arguments.text("outputFormat") == "WEBM"
            let outputs = outputs
            let id = UUIDText.random()
            let file = try await call.work(mayRefuse: false) { () throws(StudioError) -> IncomingFile in
                try outputs.receive(video: id, isWebM: isWebM)
            }
            try await downloads.video(url, into: file, until: deadline, call)
            try await call.work(mayRefuse: false) { () throws(StudioError) in try outputs.finish(file) }
            return .video(
                id: id, path: file.path, mimeType: isWebM ? "video/webm" : "video/mp4", bytes: file.count)
        default:
            let prefix = job.operation == .masking ? "maskImage" : "image"
            if let url = view["\(prefix)URL"]?.string {
                return .picture(try await downloads.picture(url, until: deadline, call))
            }
            let inline =
                view["\(prefix)Base64Data"]?.string
                ?? view["\(prefix)DataURI"]?.string.flatMap { $0.split(separator: ",").last.map(String.init) }
            guard let inline, let bytes = Base64.decode(inline) else {
                throw Service.runware.misunderstood("a picture has no link")
            }
            return .picture(bytes)
        }
    }

    /// What is told beside the picture: only what the tool's schema has, in the form it has.
    static func members(_ view: JSONView, _ operation: Operation) -> [JSONMember] {
        var members: [JSONMember] = []
        func take(_ name: String, _ isFit: (JSONView) -> Bool) {
            if let value = view[name], isFit(value) { members.append(JSONMember(name, value.value)) }
        }
        switch operation {
        case .imageInference, .photoMaker:
            take("seed") { $0.int != nil }
            if operation == .photoMaker {
                take("inputImagesUUID") { $0.kind == .array && $0.elements.allSatisfy { $0.kind == .string } }
            }
            take("NSFWContent") { $0.kind == .boolean }
        case .masking: members.append(JSONMember("detections", boxes(view["detections"])))
        case .caption:
            take("text") { $0.kind == .string }
            take("structuredData") { $0.kind == .object }
        case .modelSearch:
            if let results = view["results"], results.kind == .array {
                members.append(JSONMember("results", .array(results.elements.compactMap(model))))
            }
            take("totalResults") { ($0.int ?? -1) >= 0 }
        case .video: take("seed") { $0.int != nil }
        case .upscale, .removeBackground, .generate, .editImage, .inpaint, .control, .controlMap: break
        }
        return members
    }

    /// A model of the catalogue, without an id or a name that is no text; nil if it is no object.
    private static func model(_ view: JSONView) -> JSONValue? {
        guard case .object(let members) = view.value else { return nil }
        return .object(
            members.filter { member in
                if case .string = member.value { return true }
                return member.key != "air" && member.key != "name"
            })
    }

    private static func boxes(_ view: JSONView?) -> JSONValue {
        guard let view, view.kind == .array else { return [] }
        let names = ["x_min", "y_min", "x_max", "y_max"]
        return .array(
            view.elements.prefix(100).compactMap { box in
                let sides = names.compactMap { box[$0]?.double }
                guard sides.count == 4, sides.allSatisfy({ abs($0) < 1e9 }) else { return nil }
                return .members(zip(names, sides).map { ($0, .int(max(0, Int($1.rounded())))) })
            })
    }

    private static func facts(_ items: [EngineItem], _ operation: Operation) -> [JSONMember] {
        guard operation == .caption, let text = items.first?.members.first(where: { $0.key == "text" }) else {
            return []
        }
        return [JSONMember("caption", text.value)]
    }
}
