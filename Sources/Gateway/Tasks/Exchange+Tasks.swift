import Base
import JSON
import MCP
import Policy
import Runtime
import Store

/// Calls that become tasks.
extension Exchange {
    /// How long the result of a call is kept that its client wanted as a task, and its server has finished at once.
    private static let usualLifetime: Int64 = 600_000
    private static let lifetimes: ClosedRange<Int64> = 1_000...3_600_000

    /// Whether the client of a call can do anything with a task.
    ///
    /// SPEC: 2026-07-28, tasks: never one for a client that has not declared them in this very request.
    func mayBecomeTask(_ visit: Visit, _ crossing: Crossing) -> Bool {
        guard visit.message.method == "tools/call" else { return false }
        return visit.profile.era == .modern ? visit.profile.hasTasks : crossing.asksTask
    }

    /// A task that the call has started belongs to this session from now on.
    /// - Parameter token: of progress upstream, if the client wants to hear of it.
    func noteTask(of response: RPCMessage, token: Int64?, _ visit: Visit, _ crossing: Crossing) {
        guard !noteTask(response, token, visit, crossing), let token else { return }
        visit.session.tasks.forget(progress: token)
    }

    private func noteTask(_ response: RPCMessage, _ token: Int64?, _ visit: Visit, _ crossing: Crossing) -> Bool {
        guard visit.message.method == "tools/call", case .response(_, isError: false) = response.kind,
            let result = response.outcome
        else { return false }
        if visit.session.link.hello.version.era == .modern {
            guard mayBecomeTask(visit, crossing), ResultType(result) == .task, let task = result["taskId"]?.string
            else {
                return false
            }
            visit.session.tasks.began(task)
            return true
        }
        // A result that looks like a task is none if nobody has asked for one.
        guard crossing.needsTask || visit.profile.era == .legacy && visit.message.params?["task"] != nil,
            let task = result["task"]?["taskId"]?.string
        else { return false }
        visit.session.tasks.began(task, token: token)
        return true
    }

    /// The token of a call that wants to be a task is good for as long as the task goes on.
    /// - Returns: the token upstream; nil if there is nothing to expect.
    func expectProgress(_ id: Int64, _ visit: Visit) -> Int64? {
        guard visit.message.method == "tools/call", visit.profile.era == .legacy,
            visit.session.link.hello.version.era == .legacy, visit.message.params?["task"] != nil,
            let token = visit.message.progressToken
        else { return nil }
        visit.session.tasks.expect(progress: id, as: Array(token.rawBytes))
        return id
    }

    /// A legacy client asked for a task, but whether there will be one is for a modern server to say, and this one has
    /// finished the call at once. The client gets a task all the same, one of ours that is over, and finds the result there.
    /// Nil if the response is none of that kind, or there is no room to keep it: the result itself is then the answer.
    func kept(_ response: RPCMessage, _ visit: Visit, _ crossing: Crossing) -> RPCMessage? {
        guard crossing.asksTask, let result = response.outcome, result.kind == .object else { return nil }
        let id = "sluice-" + SessionTable.makeID().prefix(32)
        let wanted = visit.message.params?["task"]?["ttl"]?.int ?? Self.usualLifetime
        let ttl = min(max(wanted, Self.lifetimes.lowerBound), Self.lifetimes.upperBound)
        let now = EventLoop.wallNow
        let time = JSONValue.string(now.iso8601)
        // In the core a tool that ran and failed is a failed task.
        let status: JSONValue = result["isError"]?.bool == true ? "failed" : "completed"
        let shared = [
            JSONMember("taskId", .string(id)), JSONMember("status", status), JSONMember("createdAt", time),
            JSONMember("lastUpdatedAt", time),
        ]
        let kept = TaskBook.Kept(
            task: JSONValue.object(shared + [JSONMember("ttl", .int(ttl)), JSONMember("pollInterval", 1_000)]).bytes,
            result: TaskShape.legacyResult(result, of: id, version: visit.profile.version),
            until: now + .milliseconds(ttl))
        guard visit.session.tasks.keep(kept, as: id, now: now) else { return nil }
        let created = RPCWriter.result(
            id: RequestID(0),
            .object(
                [JSONMember("resultType", "task")] + shared
                    + [JSONMember("ttlMs", .int(ttl)), JSONMember("pollIntervalMs", 1_000)]))
        return try? RPCMessage(JSONDocument.parse(created))
    }

    /// A request of our own about a task, in the client's name. What comes before the answer is passed over.
    func ask(
        _ method: String, of task: String, with more: [(key: String, value: [UInt8])] = [], _ visit: Visit,
        _ handle: CallHandle
    ) async throws(UpstreamError) -> RPCMessage {
        let link = visit.session.link
        let id = link.mintID()
        let message = visit.crossing.taskRequest(id: id, method, task: task, more: more)
        let outgoing = Outgoing(message: message, id: id, method: method, name: task, sender: visit.sender)
        switch try await link.send(outgoing, on: visit.loop, handle: handle) {
        case .response(let response, _): return response
        case .stream(let stream):
            while true {
                let next = try await stream.next()
                switch next.kind {
                case .response: return next
                case .request(let asked):
                    link.post(ServerRequest.answer(next.method, id: asked), on: visit.loop)
                case .notification: break
                }
            }
        }
    }

    // MARK: What a modern server asks in the course of a task

    /// Takes out of a task's state what the policy does not let the server ask, and where its error may not send the client.
    /// A question is judged, and recorded, once;
    /// one that is refused is answered as a person would who says no.
    /// - Returns: the state as the client may see it, or what the client is told instead.
    func judged(_ response: RPCMessage, of task: String, _ visit: Visit, _ handle: CallHandle)
        async throws(UpstreamError) -> End
    {
        guard case .response(_, isError: false) = response.kind, let state = response.outcome else {
            return .response(response, status: nil)
        }
        if let error = state["error"], let refused = await refusal(ofPagesIn: error, response, visit) {
            var splice = JSONSplice(response.document)
            splice.replace(error, with: refused)
            return try await judged(try Self.edited(splice), of: task, visit, handle)
        }
        guard let asked = state["inputRequests"] else { return .response(response, status: nil) }
        let input: InputRequired
        do throws(InputFault) { input = try InputRequired(ofTask: asked) } catch {
            throw UpstreamError(.broken, mayHaveRun: true, detail: "tasks/get: \(error.rawValue)")
        }
        var splice = JSONSplice(response.document)
        var refused = 0
        for request in input.requests {
            guard let verdict = try await verdict(on: request, of: task, response, visit, handle) else {
                let fault = ProtocolFault.missingCapability(
                    request.kind.capability, Untranslatable.inputUndeclared(request.kind).text)
                return .answer(fault.answer(to: visit.id), status: nil, hadEffect: false)
            }
            if !verdict {
                refused += 1
                splice.remove(request.key, from: asked)
            }
        }
        guard refused > 0 else { return .response(response, status: nil) }
        if refused == input.requests.count {
            // Nothing is left for the client to do.
            splice.remove("inputRequests", from: state)
            splice.set("status", to: "working", in: state)
        }
        return .response(try Self.edited(splice), status: nil)
    }

    private static func edited(_ splice: JSONSplice) throws(UpstreamError) -> RPCMessage {
        guard let edited = try? RPCMessage(JSONDocument.parse(splice.applied(), limits: .upstream)) else {
            throw UpstreamError(.broken, mayHaveRun: true, detail: "tasks/get: the state could not be edited")
        }
        return edited
    }

    /// The very words of a question and its key: another question under the same key is another one.
    func words(of request: InputRequest) -> String {
        let digest = desk.recorder.hasher.argumentDigest(request.params.map { Array($0.rawBytes) } ?? [])
        return "\(request.method) \(digest) \(request.key)"
    }

    /// What a verdict holds for: a question, and the policy that judged it.
    private func question(_ request: InputRequest, _ visit: Visit) -> String {
        let policy = visit.caller.policy.map { "\($0.name)@\($0.version)" } ?? ""
        return "\(policy) \(words(of: request))"
    }

    /// Whether the client may be asked; nil when it can't be, because it has not declared that it can.
    private func verdict(
        on request: InputRequest, of task: String, _ response: RPCMessage, _ visit: Visit, _ handle: CallHandle
    ) async throws(UpstreamError) -> Bool? {
        let book = visit.session.tasks
        guard request.kind.isDeclared(in: visit.profile.capabilities) else { return nil }
        let question = question(request, visit)
        if let known = book.verdict(on: question, of: task) { return known }
        do throws(AskDesk.Refusal) {
            let ticket = try await desk.admit(request.kind, request.params, visit)
            // The answer comes with another request; what is recorded here is that the client was asked.
            desk.settleAsked(ticket, by: response)
            guard book.note(true, on: question, of: task) else {
                throw AskDesk.Refusal(text: "the task asks too much", code: .overloaded)
            }
            return true
        } catch {
            guard error.code == .methodNotFound else {
                throw UpstreamError(.overloaded, mayHaveRun: true, detail: error.text)
            }
            _ = book.note(false, on: question, of: task)
            // Sampling and roots have no word for no: the server waits, and the client can cancel the task.
            guard request.kind == .form || request.kind == .url else { return false }
            let responses = JSONValue.object([JSONMember(request.key, ["action": "decline"])])
            _ = try await ask("tasks/update", of: task, with: [("inputResponses", responses.bytes)], visit, handle)
            return false
        }
    }
}
