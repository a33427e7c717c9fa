import Base
import JSON
import MCP
import Policy
import Runtime
import Store

/// One request with its server: sends it, relays what comes before the answer, and carries questions to the client and
/// back, until the answer is there.
struct Exchange: Sendable {
    /// What came of it.
    enum End: Sendable {
        /// The server's own response, still in the server's words.
        case response(RPCMessage, status: Int?)
        /// Words of ours, ready for the client.
        case answer([UInt8], status: Int?, hadEffect: Bool)
    }

    let desk: AskDesk
    let states: RequestStates

    /// - Parameter notify: brings a message to the client before the answer; false if the client can't be reached.
    func run(_ visit: Visit, _ errand: Errand?, handle: CallHandle, notify: ([UInt8]) async -> Bool)
        async throws(UpstreamError) -> End
    {
        let link = visit.session.link
        let crossing = visit.crossing
        if crossing.needsTask, !visit.profile.hasTasks {
            let answer = Untranslatable.taskRequired.answer(to: visit.id, receiver: .modern)
            return .answer(answer, status: nil, hadEffect: false)
        }
        // A legacy server is told of the level by itself.
        if let level = visit.profile.logLevel, link.hello.version.era == .legacy, visit.session.lowers(logLevel: level)
        {
            await link.log(from: level, on: visit.loop)
        }
        var id = link.mintID()
        var message = crossing.request(id: id)
        for _ in 0..<RequestState.maximumRounds {
            guard !message.isEmpty else {
                throw UpstreamError(
                    .broken, mayHaveRun: false, detail: "the request can't be put into the server's words")
            }
            let outgoing = Outgoing(
                message: message, id: id, method: visit.message.method,
                name: errand?.name ?? Self.name(in: visit.message), arguments: errand?.arguments,
                headerParameters: crossing.serverVersion.era == .modern
                    ? errand.map { visit.session.server.catalogue.headerParameters(of: $0) } ?? [] : [],
                startsTask: crossing.needsTask, sender: visit.sender)
            let token = expectProgress(id, visit)
            let response: RPCMessage, status: Int?, lacking: InputKind?
            do throws(UpstreamError) {
                (response, status, lacking) = try await once(outgoing, visit, crossing, handle, notify)
            } catch {
                if let token { visit.session.tasks.forget(progress: token) }
                throw error
            }
            noteTask(of: response, token: token, visit, crossing)
            if case .response(_, isError: true) = response.kind,
                let asked = try await visits(in: response, status, visit)
            {
                return asked
            }
            if let lacking, case .response(_, isError: true) = response.kind {
                // The server could not go on without: the client may.
                let answer = Untranslatable.inputUndeclared(lacking).answer(to: visit.id, receiver: .modern)
                return .answer(answer, status: status, hadEffect: false)
            }
            guard case .response(_, isError: false) = response.kind, let result = response.outcome else {
                return .response(response, status: status)
            }
            let isModern = crossing.serverVersion.era == .modern
            // Of a task's state they are judged; nobody has judged these. To legacy clients the member of a legacy server says
            // nothing.
            if result["inputRequests"] != nil, !Self.judgedElsewhere.contains(visit.message.method),
                isModern ? ResultType(result) == .complete : visit.profile.era == .modern
            {
                throw UpstreamError(
                    .broken, mayHaveRun: true, detail: "the result is complete and asks for input", status: status)
            }
            guard isModern else { return .response(response, status: status) }
            switch ResultType(result) {
            case .complete:
                return .response(kept(response, visit, crossing) ?? response, status: status)
            case .task where mayBecomeTask(visit, crossing):
                guard let task = result["taskId"]?.string else {
                    throw UpstreamError(
                        .broken, mayHaveRun: true, detail: "the result is a task without a taskId", status: status)
                }
                guard visit.profile.era == .modern else { return .response(response, status: status) }
                return try await judged(response, of: task, visit, handle)
            case .inputRequired where MethodTable.mayRequireInput.contains(visit.message.method):
                let input = try Self.input(result, status)
                if visit.profile.era == .modern {
                    return try await passOn(input, response, status, visit)
                }
                let answers = try await collect(input, visit, handle, notify)
                id = link.mintID()
                message = crossing.retry(id: id, answers: answers, state: input.requestState)
            case .task, .inputRequired, .unknown:
                throw UpstreamError(
                    .broken, mayHaveRun: true, detail: "the result has a type that this request can't have",
                    status: status)
            }
        }
        throw UpstreamError(.broken, mayHaveRun: true, detail: "the server asks for input again and again")
    }

    /// Requests whose answers may ask, and are looked through.
    private static let judgedElsewhere: Set<String> = ["tasks/get", "tasks/update", "tasks/cancel"]

    /// What the request is about, as the server knows it.
    private static func name(in message: RPCMessage) -> String? {
        let member = message.method == "tasks/result" ? "taskId" : RoutingHeaders.nameMember(of: message.method)
        return member.flatMap { message.params?[$0]?.string }
    }

    /// One request and its response, with everything between, and what the server wanted of a modern client that has not
    /// declared it.
    private func once(
        _ outgoing: Outgoing, _ visit: Visit, _ crossing: Crossing, _ handle: CallHandle,
        _ notify: ([UInt8]) async -> Bool
    ) async throws(UpstreamError) -> (RPCMessage, Int?, lacking: InputKind?) {
        let link = visit.session.link
        switch try await link.send(outgoing, on: visit.loop, handle: handle) {
        case .response(let response, let status):
            return (response, status, nil)
        case .stream(let stream):
            var lacking: InputKind?
            while true {
                let next = try await stream.next()
                switch next.kind {
                case .response(let answered, let isError):
                    guard answered?.int == outgoing.id || (isError && answered?.int == nil) else {
                        throw UpstreamError(
                            .broken, mayHaveRun: true, detail: "the answer has the id of another request")
                    }
                    return (next, stream.status, lacking)
                case .notification:
                    await relay(next, outgoing.id, visit, crossing, notify)
                case .request(let asked):
                    if visit.profile.era == .modern, let kind = InputKind(method: next.method, params: next.params),
                        !kind.isDeclared(in: visit.profile.capabilities)
                    {
                        lacking = kind
                    }
                    await desk.relay(next, asked, visit, send: notify)
                }
            }
        }
    }

    private func relay(
        _ notification: RPCMessage, _ id: Int64, _ visit: Visit, _ crossing: Crossing,
        _ notify: ([UInt8]) async -> Bool
    ) async {
        let session = visit.session
        switch notification.method {
        case "notifications/message":
            // Without a level in the request a modern client must not get any.
            guard visit.profile.era == .modern ? wantsLog(notification, visit.profile) : session.wantsLog(notification)
            else { return }
        case "notifications/cancelled":
            // The server takes a question back.
            if let call = visit.parked, let asked = notification.params?["requestId"].flatMap(RequestID.init) {
                if let ask = call.withdraw(asked) { desk.settle(ask.ticket, nil) }
                return
            }
            guard visit.profile.era == .legacy,
                let asked = notification.params?["requestId"].flatMap(RequestID.init),
                let number = session.asks.id(of: asked, on: session.link), let id = notification.params?["requestId"]
            else { return }
            session.asks.take(number)?.ended(nil)
            var splice = JSONSplice(notification.document)
            splice.replace(id, with: RequestID(number).raw)
            _ = await notify(splice.applied())
            return
        case "notifications/tools/list_changed": session.server.catalogue.invalidate()
        default: break
        }
        // Changes are shown to those who listen for them, never twice.
        if visit.profile.era == .modern, notification.method != "notifications/message",
            notification.method != "notifications/progress"
        {
            return session.deliver(notification)
        }
        if let relayed = crossing.notification(notification, token: id) ?? ofTask(notification, visit) {
            _ = await notify(relayed)
        }
    }

    /// Progress of a task, whose call was answered before, on the stream of another request about it.
    private func ofTask(_ notification: RPCMessage, _ visit: Visit) -> [UInt8]? {
        guard notification.method == "notifications/progress", visit.message.method.hasPrefix("tasks/"),
            let token = notification.params?["progressToken"]?.int,
            let client = visit.session.tasks.clientToken(for: token)
        else { return nil }
        return Relay.progress(notification, clientToken: client)
    }

    private func wantsLog(_ notification: RPCMessage, _ profile: ClientProfile) -> Bool {
        guard let wanted = profile.logLevel,
            let level = notification.params?["level"]?.string.flatMap(LogLevel.init(rawValue:))
        else { return false }
        return level >= wanted
    }
}

// MARK: - Input that modern servers want

extension Exchange {
    private static func input(_ result: JSONView, _ status: Int?) throws(UpstreamError) -> InputRequired {
        do throws(InputFault) { return try InputRequired(result) } catch {
            throw UpstreamError(.broken, mayHaveRun: true, detail: error.rawValue, status: status)
        }
    }

    /// To a modern client: the server's own result, once the policy has allowed each question, with a state that only this
    /// grant can bring back.
    private func passOn(_ input: InputRequired, _ response: RPCMessage, _ status: Int?, _ visit: Visit)
        async throws(UpstreamError) -> End
    {
        for request in input.requests {
            do throws(AskDesk.Refusal) {
                let ticket = try await desk.admit(request.kind, request.params, visit)
                // The answer comes with another request; what is recorded here is that the client was asked.
                desk.settleAsked(ticket, by: response)
            } catch {
                let fault = ProtocolFault.missingCapability(request.kind.capability, error.text)
                let isUndeclared = !request.kind.isDeclared(in: visit.profile.capabilities)
                let answer =
                    isUndeclared
                    ? fault.answer(to: visit.id)
                    : RPCWriter.error(id: visit.id, code: .denied, message: error.text, data: ["reason": "policy"])
                return .answer(answer, status: status, hadEffect: true)
            }
        }
        guard let result = response.outcome else { return .response(response, status: status) }
        guard let state = states.seal(visit, upstreamState: input.requestState, parked: nil) else {
            throw UpstreamError(.broken, mayHaveRun: true, detail: "requestState is too long", status: status)
        }
        var splice = JSONSplice(response.document)
        splice.set("requestState", to: .string(state), in: result)
        splice.set("id", to: visit.id.raw, in: response.document.root)
        return .answer(splice.applied(), status: status, hadEffect: true)
    }

    /// Each page is a decision of its own, with a row in the ledger.
    private static let maxPages = 32

    /// The error -32042 ("URL elicitation required") asks the client to visit pages, so the policy has its say, whatever the
    /// eras. A legacy server's becomes a modern client's "input required": its retry is a new call.
    /// - Returns: nil if the response may go on as it is.
    private func visits(in response: RPCMessage, _ status: Int?, _ visit: Visit) async throws(UpstreamError) -> End? {
        guard case .response(_, isError: true) = response.kind, let error = response.outcome,
            RequiredVisits.pages(of: error) != nil
        else { return nil }
        let becomesVisit =
            visit.profile.era == .modern && visit.session.link.hello.version.era == .legacy
            && MethodTable.mayRequireInput.contains(visit.message.method)
        var requests: [(key: String, method: String, params: [UInt8]?)]?
        if becomesVisit {
            do throws(Untranslatable) {
                requests = try ModernFront.inputRequests(ofError: error, capabilities: visit.profile.capabilities)
            } catch {
                return .answer(error.answer(to: visit.id, receiver: .modern), status: status, hadEffect: false)
            }
        }
        if let refused = await refusal(ofPagesIn: error, response, visit) {
            return .answer(RPCWriter.error(id: visit.id, bytes: refused), status: status, hadEffect: false)
        }
        guard let requests else { return nil }
        let result = InputRequired.result(
            requests, requestState: states.seal(visit, upstreamState: nil, parked: nil),
            serverInfo: visit.introduction)
        return .answer(RPCWriter.result(id: visit.id, bytes: result), status: status, hadEffect: false)
    }

    /// Judges the pages of an error, be it a call's or a task's.
    /// - Parameter response: the message in which it came.
    /// - Returns: the error that the client is told instead; nil if this one may go on as it is.
    func refusal(ofPagesIn error: JSONView, _ response: RPCMessage, _ visit: Visit) async -> [UInt8]? {
        guard let pages = RequiredVisits.pages(of: error) else { return nil }
        do throws(AskDesk.Refusal) {
            guard pages.count <= Self.maxPages else { throw await desk.deny(.url, error["data"], .tooManyPages, visit) }
            for page in pages.elements {
                let ticket = try await desk.admit(.url, page, visit)
                desk.settleAsked(ticket, by: response)
            }
            return nil
        } catch {
            let told: JSONValue = [
                "code": .int(RPCErrorCode.denied.rawValue), "message": .string(error.text),
                "data": ["reason": "policy"],
            ]
            return told.bytes
        }
    }

    /// From a legacy client: asks it one after the other, on the stream of its call.
    /// - Parameter task: the task that the server asks for, if it is one.
    func collect(
        _ input: InputRequired, _ visit: Visit, _ handle: CallHandle, task: String? = nil,
        _ notify: ([UInt8]) async -> Bool
    ) async throws(UpstreamError) -> [(key: String, result: [UInt8])] {
        do throws(Untranslatable) {
            let requests = try LegacyFront.serverRequests(
                input, version: visit.profile.version, capabilities: visit.profile.capabilities, task: task,
                elicitationID: { "\(visit.requestID)-\($0)" })
            var answers: [(key: String, result: [UInt8])] = []
            for (request, asked) in zip(requests, input.requests) {
                answers.append((request.key, try await answer(request, asked, visit, handle, notify)))
            }
            return answers
        } catch {
            // Who takes the call back, or ends the session, gets no answer.
            if handle.isCancelled { throw UpstreamError(.cancelled, mayHaveRun: true, detail: "cancelled") }
            throw UpstreamError(.untranslatable, mayHaveRun: true, detail: error.text)
        }
    }

    private func answer(
        _ request: LegacyFront.ServerRequest, _ asked: InputRequest, _ visit: Visit, _ handle: CallHandle,
        _ notify: ([UInt8]) async -> Bool
    ) async throws(Untranslatable) -> [UInt8] {
        let ticket: AskDesk.Ticket
        do throws(AskDesk.Refusal) { ticket = try await desk.admit(asked.kind, asked.params, visit) } catch {
            // Refused by policy: to the server it looks as if the person had said no.
            guard asked.kind == .form || asked.kind == .url else { throw .inputUndeclared(asked.kind) }
            return Array(#"{"action":"decline"}"#.utf8)
        }
        let answer = await desk.ask(request, visit, handle) { _ = await notify($0) }
        desk.settle(ticket, answer)
        guard let answer else { throw .inputError(asked.kind) }
        return try LegacyFront.inputResponse(answer, for: asked.kind)
    }
}
