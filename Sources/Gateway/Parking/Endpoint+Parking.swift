import HTTP
import JSON
import MCP
import Policy
import Runtime

/// A modern client in front of a legacy server that asks in the middle of a call: the call stays open here, the client is
/// asked by the answer to its request, and its retry goes on with the call.
extension Endpoint {
    /// Whether the server may ask the client something during this request.
    func mayPark(_ visit: Visit) -> Bool {
        // COST: asked for each request; the era is all that nearly all of them need.
        guard visit.profile.era == .modern else { return false }
        let link = visit.session.link
        guard link.hello.version.era == .legacy, !link.isShared,
            MethodTable.mayRequireInput.contains(visit.message.method)
        else { return false }
        let (relays, capabilities) = (visit.caller.relays, visit.profile.capabilities)
        return relays.elicitation && capabilities["elicitation"] != nil
            || relays.sampling && capabilities["sampling"] != nil || relays.roots && capabilities["roots"] != nil
    }

    /// A call's first request.
    func runParkable(_ visit: Visit, _ reply: any ReplyChannel) async {
        let share = underWay.share(of: visit.session.grantID)
        let size = GatewayOptions.cost(of: visit.message)
        let call = ParkedCall(visit.session, lot: exchange.desk.lot) { share.keep(size) }
        let turn = call.attend()
        let parkable = visit.parkable(as: call)
        // The end of the session ends the call, like any other; what is left is that nobody can come back for it.
        let handle = CallHandle()
        handle.onCancel { call.forget() }
        visit.session.began(visit.id, handle)
        let (journey, desk) = (journey, desk)
        Task(executorPreference: visit.loop) {
            await journey.run(parkable, ParkedReply(call))
            parkable.session.finished(parkable.id, handle)
            for ask in call.finish() {
                // With the session its way to the server is closed.
                if !parkable.session.isEnded {
                    desk.refuse(
                        ask.id, AskDesk.Refusal(text: "the client gave no answer", code: .upstreamTimeout), parkable)
                }
                desk.settle(ask.ticket, nil)
            }
        }
        await attend(call, turn, visit, reply)
    }

    /// A retry: brings the client's answers to the server, and goes on with the call.
    func resume(_ token: String, _ visit: Visit, _ reply: any ReplyChannel) async {
        // The seal binds the token to grant, server, method and parameters; the session is the client's set of capabilities.
        guard let call = exchange.desk.lot.find(token), call.session === visit.session,
            let responses = try? InputResponses(visit.message.params)
        else {
            let text =
                "the call that this requestState belongs to has ended; send the request without it to start again"
            return await refuse(visit, .invalidParams, text, reply)
        }
        let turn = call.attend()
        for (ask, result) in call.take(responses) {
            let answer = ModernFront.answer(to: ask.id, result)
            visit.session.link.post(answer, on: visit.loop)
            desk.settle(ask.ticket, try? RPCMessage(JSONDocument.parse(answer)))
        }
        await attend(call, turn, visit, reply)
    }

    /// Brings the call's words to this request's client, until there is an answer or a question.
    private func attend(_ call: ParkedCall, _ turn: Int, _ visit: Visit, _ reply: any ReplyChannel) async {
        reply.onGone { call.lose(turn) }
        // A retry may have left something unanswered.
        if turn > 1, await ask(call, turn, visit, reply) { return }
        while true {
            switch await call.next(turn) {
            case .notification(let message):
                if let own = turn == 1 ? message : Self.own(message, visit) { await reply.notify(own) }
            case .asked:
                if await ask(call, turn, visit, reply) { return }
            case .answer(let message, let status):
                call.forget()
                return await reply.answer(turn == 1 ? message : Self.renumbered(message, visit.id), status: status)
            case .silence:
                call.forget()
                return reply.silence()
            case .replaced:
                return await refuse(visit, .invalidParams, "another request goes on with this call", reply)
            }
        }
    }

    /// Answers with what the server asks; false if it asks nothing.
    private func ask(_ call: ParkedCall, _ turn: Int, _ visit: Visit, _ reply: any ReplyChannel) async -> Bool {
        guard let (token, asks) = call.leave(turn) else { return false }
        guard let state = exchange.states.seal(visit, upstreamState: nil, parked: token) else { return false }
        call.expire(after: visit.patience, turn, on: visit.loop)
        let result = InputRequired.result(
            asks.map { ($0.key, $0.method, $0.params) }, requestState: state, serverInfo: visit.introduction)
        await reply.answer(RPCWriter.result(id: visit.id, bytes: result))
        return true
    }

    private static func renumbered(_ answer: [UInt8], _ id: RequestID) -> [UInt8] {
        guard let message = try? RPCMessage(JSONDocument.parse(answer, limits: .upstream)) else { return answer }
        return Relay.renumbered(message, id)
    }

    /// Progress has the token of the request that attends; if that has none, it is for nobody.
    private static func own(_ notification: [UInt8], _ visit: Visit) -> [UInt8]? {
        guard let message = try? RPCMessage(JSONDocument.parse(notification, limits: .upstream)),
            message.method == "notifications/progress"
        else { return notification }
        guard let token = visit.message.progressToken else { return nil }
        return Relay.progress(message, clientToken: Array(token.rawBytes))
    }
}
