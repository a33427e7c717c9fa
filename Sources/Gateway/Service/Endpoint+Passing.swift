import HTTP
import JSON
import MCP
import Policy
import Runtime

extension LogLevel {
    /// What a client is told that names another.
    static let wanted = "params.level is one of \(allCases.map(\.rawValue).joined(separator: ", "))"
}

/// Requests that no rule is about: they go on, or are answered here, as their era wants it.
extension Endpoint {
    func pass(_ visit: Visit, _ reply: any ReplyChannel) async {
        let serverEra = visit.session.link.hello.version.era
        switch (visit.message.method, visit.profile.era) {
        case ("ping", .legacy): await reply.answer(RPCWriter.result(id: visit.id, [:]))
        case ("logging/setLevel", .legacy): await setLevel(visit, reply)
        case ("resources/subscribe", .legacy): await subscribe(visit, reply)
        case ("resources/unsubscribe", .legacy): await unsubscribe(visit, reply)
        case ("completion/complete", _): await complete(visit, reply)
        case ("tasks/get", _), ("tasks/cancel", _), ("tasks/result", .legacy), ("tasks/update", .modern):
            await task(visit, reply)
        case ("tasks/list", .legacy): await listTasks(visit, reply)
        default:
            let legality = MethodTable.legality(
                of: visit.message.method, .request, from: .client, in: visit.profile.version)
            // What nobody has heard of is the server's to know, unless the policy says that only what it lists may pass.
            guard legality == .unknown, !MethodTable.looksKnown(visit.message.method),
                serverEra == visit.profile.era, visit.caller.policy?.allowsByDefault == true
            else {
                let text = "`\(visit.message.method.prefix(64))` is not available through this gateway."
                return await refuse(visit, .methodNotFound, text, reply)
            }
            await relay(visit, reply)
        }
    }

    func refuse(_ visit: Visit, _ code: RPCErrorCode, _ text: String, _ reply: any ReplyChannel) async {
        let answer = RPCWriter.error(id: visit.id, code: code, message: text)
        await reply.answer(answer, status: visit.status(of: answer))
    }

    /// To the server and back, without a decision.
    /// - Parameter refused: what to do when the server does not do it, before its client hears of that.
    func relay(_ visit: Visit, _ reply: any ReplyChannel, refused: () -> Void = {}) async {
        let handle = CallHandle()
        visit.begin(handle, reply)
        defer { visit.finish(handle) }
        do throws(UpstreamError) {
            try await visit.session.link.prepare()
            let end = try await exchange.run(visit, nil, handle: handle) { message in
                await reply.notify(message)
                return !reply.isGone
            }
            switch end {
            case .response(let response, _):
                if case .response(_, isError: true) = response.kind { refused() }
                await answer(response, visit, reply)
            case .answer(let bytes, _, _):
                refused()
                await reply.answer(bytes, status: visit.status(of: bytes))
            }
        } catch {
            refused()
            await fail(error, visit, reply)
        }
    }

    /// Whether no member differs from one that was looked at only in case: servers read those differently.
    func isUnambiguous(_ visit: Visit, _ names: [StaticString]) -> Bool {
        (try? Errand.refuseLookAlikes(visit.message.params, names)) != nil
            && (try? Errand.refuseLookAlikes(visit.message.params?["ref"], ["type", "name", "uri"])) != nil
    }

    // MARK: Legacy only

    private func setLevel(_ visit: Visit, _ reply: any ReplyChannel) async {
        guard let level = visit.message.params?["level"]?.string.flatMap(LogLevel.init(rawValue:)) else {
            return await refuse(visit, .invalidParams, LogLevel.wanted, reply)
        }
        visit.session.logLevel = level
        let link = visit.session.link
        // A modern server is told with each request; a shared one is told what all want together.
        guard link.hello.version.era == .legacy, !link.isShared else {
            if link.isShared { await link.log(from: level, on: visit.loop) }
            return await reply.answer(RPCWriter.result(id: visit.id, [:]))
        }
        await relay(visit, reply)
    }

    private func subscribe(_ visit: Visit, _ reply: any ReplyChannel) async {
        guard let uri = visit.message.params?["uri"]?.string else {
            return await refuse(visit, .invalidParams, "params.uri is missing", reply)
        }
        // Changes of what may not be read are nobody's business.
        guard isReachable(.resource, uri, arguments: visit.message.params, visit), isUnambiguous(visit, ["uri"]) else {
            let answer = RPCWriter.error(
                id: visit.id, number: -32_002, message: Denial.unknown(.resource, "resource:" + uri),
                data: ["uri": .string(uri)])
            return await reply.answer(answer)
        }
        let isNew = !visit.session.wanted.resourceSubscriptions.contains(uri)
        guard visit.session.subscribe(to: uri, by: visit.hearer) else {
            return await refuse(visit, .overloaded, "this session has too many subscriptions", reply)
        }
        guard visit.session.link.hello.version.era == .legacy else {
            let link = visit.session.link
            link.subscribe(visit.session.wanted, on: visit.loop)
            await settle(on: visit.loop) { await link.settled() }
            return await reply.answer(RPCWriter.result(id: visit.id, [:]))
        }
        await relay(visit, reply, refused: { if isNew { visit.session.unsubscribe(from: uri) } })
    }

    private func unsubscribe(_ visit: Visit, _ reply: any ReplyChannel) async {
        guard let uri = visit.message.params?["uri"]?.string else {
            return await refuse(visit, .invalidParams, "params.uri is missing", reply)
        }
        visit.session.unsubscribe(from: uri)
        visit.session.link.subscribe(visit.session.wanted, on: visit.loop)
        let link = visit.session.link
        let others = sessions.wants(uri, of: visit.session.server)
        guard link.hello.version.era == .legacy, !(link.isShared && others) else {
            return await reply.answer(RPCWriter.result(id: visit.id, [:]))
        }
        await relay(visit, reply)
    }

    // MARK: Completion

    /// Completing an argument of what can't be seen would tell that it exists.
    private func complete(_ visit: Visit, _ reply: any ReplyChannel) async {
        let reference = visit.message.params?["ref"]
        let isVisible: Bool
        switch reference?["type"]?.string {
        case "ref/prompt":
            guard let name = reference?["name"]?.string else {
                return await refuse(visit, .invalidParams, "params.ref.name is missing", reply)
            }
            isVisible = isReachable(.prompt, name, visit)
        case "ref/resource":
            guard let uri = reference?["uri"]?.string else {
                return await refuse(visit, .invalidParams, "params.ref.uri is missing", reply)
            }
            isVisible = isReachable(.resource, uri, visit)
        default: return await refuse(visit, .invalidParams, "params.ref.type is ref/prompt or ref/resource", reply)
        }
        guard isVisible, isUnambiguous(visit, ["ref", "argument"]) else {
            return await refuse(visit, .invalidParams, "params.ref is not available", reply)
        }
        await relay(visit, reply)
    }
}
