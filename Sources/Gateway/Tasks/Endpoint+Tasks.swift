import Base
import HTTP
import JSON
import MCP
import Runtime
import Store

/// `tasks/…`: in the core of 2025-11-25 and, in other words, an extension of 2026-07-28. Between the two the gateway
/// translates.
extension Endpoint {
    /// How long between two looks at a task, in milliseconds, whatever its server wishes.
    private static let looks: ClosedRange<Int64> = 50...5_000

    /// A request about one task: only the session whose call has started it may make one. To all others it does not exist.
    func task(_ visit: Visit, _ reply: any ReplyChannel) async {
        guard let id = visit.message.params?["taskId"]?.string, let owner = owner(of: id, visit),
            isUnambiguous(visit, ["taskId"])
        else {
            let text =
                "there is no such task of this session: it never was, has ended long ago, or belongs to somebody else"
            return await refuse(visit, .invalidParams, text, reply)
        }
        let visit = owner === visit.session ? visit : visit.moved(to: owner)
        let waits = visit.message.method == "tasks/result"
        guard !waits || owner.tasks.beginWait() else {
            return await refuse(visit, .overloaded, "too many requests of this session wait for tasks", reply)
        }
        defer { if waits { owner.tasks.endWait() } }
        let handle = CallHandle()
        visit.begin(handle, reply)
        defer { visit.finish(handle) }
        do throws(UpstreamError) {
            if let kept = owner.tasks.kept(id, now: EventLoop.wallNow) {
                return await answer(try Self.answer(of: kept, visit), visit, reply)
            }
            try await owner.link.prepare()
            let answer: [UInt8] =
                switch (visit.profile.era, owner.link.hello.version.era) {
                case (.legacy, .modern): try await legacyTask(id, visit, handle, reply)
                case (.modern, .legacy): try await modernTask(id, visit, handle, reply)
                default: try await sameTask(id, visit, handle, reply)
                }
            await self.answer(answer, visit, reply)
        } catch {
            await fail(error, visit, reply)
        }
    }

    private func answer(_ bytes: [UInt8], _ visit: Visit, _ reply: any ReplyChannel) async {
        await reply.answer(bytes, status: visit.status(of: bytes))
    }

    /// Modern clients of one grant have several standing sessions, one for what each set of capabilities lets servers ask.
    private func owner(of task: String, _ visit: Visit) -> ClientSession? {
        if visit.session.tasks.owns(task) { return visit.session }
        guard visit.profile.era == .modern else { return nil }
        let (grant, server) = (visit.caller.grant.id, visit.caller.server)
        for abilities in ClientProfile.allAbilities {
            for key in [
                Self.standingKey(grant, server.name, abilities),
                MergedEndpoint.partKey(MergedEndpoint.standingKey(grant, abilities), server.name),
            ] {
                if let session = sessions.find(key), session.tasks.owns(task), !session.isEnded,
                    session.server.definition == server
                {
                    return session
                }
            }
        }
        return nil
    }

    /// The tasks of this session, out of all that the server lists.
    func listTasks(_ visit: Visit, _ reply: any ReplyChannel) async {
        guard visit.session.link.hello.version.era == .legacy else {
            return await reply.answer(Untranslatable.taskList.answer(to: visit.id, receiver: .legacy))
        }
        let handle = CallHandle()
        visit.begin(handle, reply)
        defer { visit.finish(handle) }
        do throws(UpstreamError) {
            try await visit.session.link.prepare()
            guard
                case .response(let message, _) = try await exchange.run(
                    visit, nil, handle: handle, notify: { _ in true })
            else { throw UpstreamError(.broken, mayHaveRun: false, detail: "tasks/list was not answered") }
            guard let tasks = message.outcome?["tasks"], tasks.kind == .array else {
                return await answer(message, visit, reply)
            }
            var splice = JSONSplice(message.document)
            splice.filter(tasks) { $0["taskId"]?.string.map(visit.session.tasks.owns) ?? false }
            await answer(try Self.edited(message, splice), visit, reply)
        } catch {
            await fail(error, visit, reply)
        }
    }

    // MARK: One era

    private func sameTask(_ id: String, _ visit: Visit, _ handle: CallHandle, _ reply: any ReplyChannel)
        async throws(UpstreamError) -> [UInt8]
    {
        var end = try await exchange.run(visit, nil, handle: handle) { message in
            await reply.notify(message)
            return !reply.isGone
        }
        if case .response(let response, _) = end {
            if let status = response.outcome?["status"]?.string, TaskShape.isTerminal(status) {
                visit.session.tasks.ended(id)
            }
            // Only an answer to tasks/get should hold questions; whichever does is judged.
            if visit.profile.era == .modern {
                end = try await exchange.judged(response, of: id, visit, handle)
            }
        }
        return translated(end, visit)
    }

    private func translated(_ end: Exchange.End, _ visit: Visit) -> [UInt8] {
        switch end {
        case .response(let response, _):
            visit.crossing.response(response, clientID: visit.id, introduction: visit.introduction)
        case .answer(let bytes, _, _): bytes
        }
    }

    /// The server's own answer to the client's own request.
    private func asked(_ visit: Visit, _ handle: CallHandle) async throws(UpstreamError) -> RPCMessage {
        switch try await exchange.run(visit, nil, handle: handle, notify: { _ in true }) {
        case .response(let response, _): return response
        case .answer:
            throw UpstreamError(.broken, mayHaveRun: true, detail: "\(visit.message.method) was not answered")
        }
    }

    /// A result of ours, without what only the gateway may write.
    private static func answer(_ result: [UInt8], _ visit: Visit) throws(UpstreamError) -> [UInt8] {
        guard
            let message = try? RPCMessage(
                JSONDocument.parse(RPCWriter.result(id: visit.id, bytes: result), limits: .upstream))
        else { throw UpstreamError(.broken, mayHaveRun: true, detail: "a task's result could not be translated") }
        return Relay.response(message, clientID: visit.id)
    }

    private static func refusal(_ reason: Untranslatable, _ visit: Visit) -> [UInt8] {
        reason.answer(to: visit.id, receiver: visit.profile.era)
    }

    /// SPEC: 2025-11-25, tasks: what is over can't be cancelled.
    private static func isOver(_ visit: Visit) -> [UInt8] {
        RPCWriter.error(
            id: visit.id, code: .invalidParams, message: "the task is over already and can't be cancelled",
            data: ["reason": "task_over"])
    }

    // MARK: A legacy client's task of a modern server

    /// From the gateway's own task: it is over since it began.
    private static func answer(of kept: TaskBook.Kept, _ visit: Visit) throws(UpstreamError) -> [UInt8] {
        switch visit.message.method {
        case "tasks/result": try answer(kept.result, visit)
        case "tasks/cancel": isOver(visit)
        default: try answer(kept.task, visit)
        }
    }

    private func legacyTask(_ id: String, _ visit: Visit, _ handle: CallHandle, _ reply: any ReplyChannel)
        async throws(UpstreamError) -> [UInt8]
    {
        switch visit.message.method {
        case "tasks/result": return try await legacyResult(id, visit, handle, reply)
        case "tasks/cancel":
            let before = try await exchange.ask("tasks/get", of: id, visit, handle)
            guard let state = try legacyState(before, id, visit) else { return translated(before, visit) }
            if state.isOver { return Self.isOver(visit) }
            let done = try await asked(visit, handle)
            guard case .response(_, isError: false) = done.kind else { return translated(done, visit) }
            // The extension's answer says nothing; the core's is the task.
            let after = try await exchange.ask("tasks/get", of: id, visit, handle)
            guard let state = try legacyState(after, id, visit) else { return translated(after, visit) }
            return try Self.answer(state.task, visit)
        default:
            let response = try await asked(visit, handle)
            guard let state = try legacyState(response, id, visit) else { return translated(response, visit) }
            return try Self.answer(state.task, visit)
        }
    }

    private func translated(_ response: RPCMessage, _ visit: Visit) -> [UInt8] {
        translated(.response(response, status: nil), visit)
    }

    /// Nil if the response is an error.
    private func legacyState(_ response: RPCMessage, _ id: String, _ visit: Visit) throws(UpstreamError) -> (
        task: [UInt8], isOver: Bool
    )? {
        guard case .response(_, isError: false) = response.kind, let state = response.outcome else { return nil }
        guard state["taskId"]?.equals(id) == true, let task = TaskShape.legacyTask(state, keepsMeta: true) else {
            throw UpstreamError(.broken, mayHaveRun: true, detail: "tasks/get was not answered with the task")
        }
        let isOver = TaskShape.isTerminal(state["status"]?.string ?? "")
        if isOver { visit.session.tasks.ended(id) }
        return (task, isOver)
    }

    /// SPEC: 2025-11-25, tasks: the answer waits until the task is over, and what its server asks comes on the way.
    private func legacyResult(_ id: String, _ visit: Visit, _ handle: CallHandle, _ reply: any ReplyChannel)
        async throws(UpstreamError) -> [UInt8]
    {
        let last = TimeSpan(microseconds: visit.loop.now.microseconds + visit.session.server.longestCall.microseconds)
        var answered: Set<String> = []
        while true {
            guard !handle.isCancelled else {
                throw UpstreamError(.cancelled, mayHaveRun: true, detail: "cancelled")
            }
            guard visit.loop.now < last else {
                throw UpstreamError(.timeout, mayHaveRun: true, detail: "the task is not over within the call limit")
            }
            let response = try await exchange.ask("tasks/get", of: id, visit, handle)
            guard try legacyState(response, id, visit) != nil, let state = response.outcome else {
                return translated(response, visit)
            }
            switch TaskShape.payload(of: state) {
            case .result(let result):
                return try Self.answer(
                    TaskShape.legacyResult(result, of: id, version: visit.profile.version), visit)
            case .error(let error):
                if let refused = await exchange.refusal(ofPagesIn: error, response, visit) {
                    return RPCWriter.error(id: visit.id, bytes: refused)
                }
                var splice = JSONSplice(error.document)
                ErrorTranslation.toLegacy(error, of: "tools/call", in: &splice)
                return RPCWriter.error(id: visit.id, bytes: splice.applied(to: error))
            case .nothing: return Self.refusal(.taskCancelled, visit)
            case .input(let asked):
                let input: InputRequired
                do throws(InputFault) { input = try InputRequired(ofTask: asked) } catch {
                    throw UpstreamError(.broken, mayHaveRun: true, detail: "tasks/get: \(error.rawValue)")
                }
                // A server may still show what was answered a moment ago. What it has taken back it may ask anew.
                answered.formIntersection(input.requests.map(exchange.words))
                let open = input.only { !answered.contains(exchange.words(of: $0)) }
                guard !open.requests.isEmpty else { break }
                let answers = try await exchange.collect(open, visit, handle, task: id) { message in
                    await reply.notify(message)
                    return !reply.isGone
                }
                answered.formUnion(open.requests.map(exchange.words))
                var writer = JSONWriter()
                writer.beginObject()
                for answer in answers {
                    writer.key(answer.key)
                    writer.raw(answer.result)
                }
                writer.endObject()
                let update = try await exchange.ask(
                    "tasks/update", of: id, with: [("inputResponses", writer.bytes)], visit, handle)
                guard case .response(_, isError: false) = update.kind else { return translated(update, visit) }
                continue
            case .pending: answered = []
            }
            let wish = state["pollIntervalMs"]?.int ?? 1_000
            let pause = min(max(wish, Self.looks.lowerBound), Self.looks.upperBound)
            _ = try? await visit.loop.sleep(.milliseconds(pause))
        }
    }

    // MARK: A modern client's task of a legacy server

    private func modernTask(_ id: String, _ visit: Visit, _ handle: CallHandle, _ reply: any ReplyChannel)
        async throws(UpstreamError) -> [UInt8]
    {
        switch visit.message.method {
        case "tasks/update":
            let responses: InputResponses
            do throws(ProtocolFault) { responses = try InputResponses(visit.message.params) } catch {
                return error.answer(to: visit.id)
            }
            for (question, result) in visit.session.tasks.questions(of: id)?.take(responses) ?? [] {
                var splice = JSONSplice(result.document)
                TaskShape.relate(result, to: id, in: &splice)
                let answer = RPCWriter.result(id: question.id, bytes: splice.applied(to: result))
                visit.session.link.post(answer, on: visit.loop)
                question.ended(try? RPCMessage(JSONDocument.parse(answer)))
            }
            return try Self.acknowledgement(visit)
        case "tasks/cancel":
            guard visit.session.link.hello.capabilities?["tasks"]?["cancel"]?.kind == .object else {
                return Self.refusal(.taskCancel, visit)
            }
            let response = try await asked(visit, handle)
            // SPEC: 2026-07-28, tasks: it is acknowledged even if there is nothing left to cancel.
            if case .response(_, isError: true) = response.kind, response.outcome?["code"]?.int != -32_602 {
                return translated(response, visit)
            }
            return try Self.acknowledgement(visit)
        default:
            let response = try await asked(visit, handle)
            guard case .response(_, isError: false) = response.kind, let task = response.outcome else {
                return translated(response, visit)
            }
            return try await modernState(task, id, visit, handle)
        }
    }

    private static func acknowledgement(_ visit: Visit) throws(UpstreamError) -> [UInt8] {
        let meta = JSONValue.object([JSONMember(MetaKey.serverInfo.description, visit.introduction)])
        return RPCWriter.result(id: visit.id, ["resultType": "complete", "_meta": meta])
    }

    /// A task's state with what belongs to it: what its server asks, or what came of it.
    private func modernState(_ task: JSONView, _ id: String, _ visit: Visit, _ handle: CallHandle)
        async throws(UpstreamError) -> [UInt8]
    {
        let meta = JSONValue.object([JSONMember(MetaKey.serverInfo.description, visit.introduction)])
        var state: [UInt8]?
        switch task["status"]?.string {
        case "completed", "failed":
            visit.session.tasks.ended(id)
            let final = try await exchange.ask("tasks/result", of: id, visit, handle)
            guard let outcome = final.outcome else { break }
            var splice = JSONSplice(final.document)
            if case .response(_, isError: true) = final.kind {
                ErrorTranslation.toModern(outcome, of: "tools/call", params: nil, in: &splice)
                let refused = await exchange.refusal(ofPagesIn: outcome, final, visit)
                state = TaskShape.modernTask(
                    task, resultType: "complete", status: "failed", error: refused ?? splice.applied(to: outcome),
                    meta: meta)
            } else if outcome["content"] == nil, task["status"]?.equals("failed") == true {
                // It failed before the tool could say anything.
                let words = task["statusMessage"]?.string ?? "the task failed"
                let error: JSONValue = ["code": .int(RPCErrorCode.internalError.rawValue), "message": .string(words)]
                state = TaskShape.modernTask(task, resultType: "complete", error: error.bytes, meta: meta)
            } else {
                ModernResult.settle(outcome, of: "tools/call", in: &splice, from: .legacy, isPerCaller: true)
                splice.remove(["_meta", MetaKey.relatedTask.description], under: outcome)
                // A tool that ran and failed has completed, in the extension's words.
                state = TaskShape.modernTask(
                    task, resultType: "complete", status: "completed", result: splice.applied(to: outcome), meta: meta)
            }
        case "input_required":
            let questions = await self.questions(of: id, visit)
            let open = questions?.inputRequests(for: visit.profile.capabilities)
            state = TaskShape.modernTask(
                task, resultType: "complete", status: open == nil ? "working" : nil, inputRequests: open, meta: meta)
        case "cancelled":
            visit.session.tasks.ended(id)
            state = TaskShape.modernTask(task, resultType: "complete", meta: meta)
        default: state = TaskShape.modernTask(task, resultType: "complete", meta: meta)
        }
        guard let state else {
            throw UpstreamError(.broken, mayHaveRun: true, detail: "tasks/get was not answered with the task")
        }
        return try Self.answer(state, visit)
    }

    /// What a legacy server asks comes on the answer to `tasks/result`, so somebody has to wait for that.
    private func questions(of task: String, _ visit: Visit) async -> TaskQuestions? {
        guard let questions = visit.session.tasks.questions(of: task, { TaskQuestions() }) else { return nil }
        let book = visit.session.tasks
        if questions.begin() {
            let exchange = exchange
            Task(executorPreference: visit.loop) {
                if book.beginWait() {
                    await exchange.hear(questions, of: task, visit)
                    book.endWait()
                }
                questions.isDone()
            }
        }
        // Most servers have their question ready.
        for _ in 0..<10 where questions.open.isEmpty { _ = try? await visit.loop.sleep(.milliseconds(25)) }
        return questions
    }
}

extension Exchange {
    /// Waits for the end of a legacy server's task, and takes down what is asked until then.
    fileprivate func hear(_ questions: TaskQuestions, of task: String, _ visit: Visit) async {
        let link = visit.session.link
        let id = link.mintID()
        let message = visit.crossing.taskRequest(id: id, "tasks/result", task: task)
        let outgoing = Outgoing(message: message, id: id, method: "tasks/result", name: task, sender: visit.sender)
        guard case .stream(let stream)? = try? await link.send(outgoing, on: visit.loop, handle: questions.handle)
        else {
            return
        }
        while let next = try? await stream.next() {
            switch next.kind {
            case .response: return
            case .notification:
                if next.method == "notifications/cancelled",
                    let taken = next.params?["requestId"].flatMap(RequestID.init)
                {
                    questions.withdraw(taken)
                }
            case .request(let asked): await take(next, asked, questions, visit)
            }
        }
    }

    private func take(_ request: RPCMessage, _ id: RequestID, _ questions: TaskQuestions, _ visit: Visit) async {
        let link = visit.session.link
        guard let kind = InputKind(method: request.method, params: request.params) else {
            return link.post(ServerRequest.answer(request.method, id: id), on: visit.loop)
        }
        do throws(Untranslatable) {
            let input = try ModernFront.inputRequest(request, capabilities: visit.profile.capabilities)
            let ticket: AskDesk.Ticket
            do throws(AskDesk.Refusal) { ticket = try await desk.admit(kind, request.params, visit) } catch {
                return desk.refuse(id, error, visit)
            }
            let desk = desk
            guard questions.add(id, kind, input.method, input.params, ended: { desk.settle(ticket, $0) }) else {
                desk.settle(ticket, nil)
                let text = "too many questions wait for the client"
                return desk.refuse(id, AskDesk.Refusal(text: text, code: .overloaded), visit)
            }
        } catch {
            link.post(ModernFront.refusal(of: id, error), on: visit.loop)
        }
    }
}
