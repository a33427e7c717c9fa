import Base
import JSON
import MCP
import Synchronization

/// A session machine with its running calls; both transports use it, from any thread.
package final class Session: Sendable {
    /// What came of a message.
    package enum Received: Sendable {
        case reply([UInt8])
        /// The message could not be read.
        case reject([UInt8])
        /// Carry it out with ``Session/perform(_:)``.
        case call(Call)
        /// Carry its calls out with ``Session/perform(batch:)``.
        case batch(Batch)
        /// A notification or a response: nothing is sent.
        case accepted
    }

    /// An accepted call with its cancellation and progress.
    package struct Call: Sendable {
        /// What was asked.
        package let pending: SessionMachine.PendingCall
        let context: CallContext

        /// Whether the caller gave a progress token.
        package var wantsProgress: Bool { pending.wantsProgress }
    }

    /// A batch of messages: what is answered already, and what has to be carried out.
    package struct Batch: Sendable {
        var answers: [[UInt8]] = []
        var calls: [Call] = []
    }

    private struct State {
        var machine: SessionMachine
        var contexts: [RequestID: CallContext] = [:]
    }

    private let workers: any Workers
    private let shelf: any ResourceShelf
    private let state: Mutex<State>

    /// A session before its `initialize`.
    package init(tools: ToolRegistry, workers: any Workers, limits: SessionMachine.Limits = SessionMachine.Limits()) {
        self.workers = workers
        shelf = tools.shelf
        state = Mutex(State(machine: SessionMachine(tools: tools, limits: limits)))
    }

    /// Calls in flight.
    package var runningCount: Int { state.withLock { $0.machine.runningCount } }

    /// What was agreed in `initialize`; nil before it.
    package var version: ProtocolVersion? { state.withLock { $0.machine.version } }

    /// Takes one message.
    /// - Parameter progress: gets the progress notifications of the call that this message may be; from any thread,
    ///   always before ``perform(_:)`` returns.
    package func receive(_ bytes: [UInt8], progress: @escaping @Sendable ([UInt8]) -> Void) -> Received {
        var cancelled: [CallContext] = []
        let received = state.withLock { state -> Received in
            let action = state.machine.receive(bytes)
            guard case .batch(let actions) = action else { return carry(action, &state, &cancelled, progress) }
            var batch = Batch()
            for action in actions {
                switch carry(action, &state, &cancelled, progress) {
                case .reply(let answer), .reject(let answer): batch.answers.append(answer)
                case .call(let call): batch.calls.append(call)
                case .batch, .accepted: break
                }
            }
            return batch.answers.isEmpty && batch.calls.isEmpty ? .accepted : .batch(batch)
        }
        for context in cancelled { context.cancel() }
        return received
    }

    /// Does what a single action asks for, under the lock.
    private func carry(
        _ action: SessionMachine.Action, _ state: inout State, _ cancelled: inout [CallContext],
        _ progress: @escaping @Sendable ([UInt8]) -> Void
    ) -> Received {
        switch action {
        case .reply(let bytes): return .reply(bytes)
        case .reject(let bytes): return .reject(bytes)
        case .nothing, .batch: return .accepted
        case .cancel(let id):
            if let context = state.contexts.removeValue(forKey: id) { cancelled.append(context) }
            return .accepted
        case .call(let pending):
            let context = makeContext(pending, progress)
            state.contexts[pending.id] = context
            return .call(Call(pending: pending, context: context))
        }
    }

    private func makeContext(
        _ pending: SessionMachine.PendingCall, _ progress: @escaping @Sendable ([UInt8]) -> Void
    ) -> CallContext {
        guard pending.wantsProgress else { return CallContext(workers: workers) }
        return CallContext(workers: workers) { [weak self] report in
            guard let self else { return }
            if let bytes = self.state.withLock({ $0.machine.progress(pending.id, report) }) { progress(bytes) }
        }
    }

    /// Carries out a call. Nil: it was cancelled, and nothing may be sent.
    package func perform(_ call: Call) async -> [UInt8]? {
        let id = call.pending.id
        let answer: [UInt8]
        var links: [ResourceLink] = []
        switch call.pending.work {
        case .tool(let tool, let arguments):
            let result = await Self.run(tool, arguments, call, &links)
            answer = RPCWriter.result(id: id, result)
        case .resource(let uri): answer = await read(uri, call)
        }
        let made = links
        let mayAnswer = state.withLock { state in
            guard state.contexts[id] === call.context else { return false }
            state.contexts[id] = nil
            state.machine.remember(made)
            return state.machine.finish(id)
        }
        return mayAnswer ? answer : nil
    }

    /// `resources/read`: the file in base64, written on a worker thread because it is long.
    private func read(_ uri: ResourceURI, _ call: Call) async -> [UInt8] {
        let (id, shelf) = (call.pending.id, shelf)
        do throws(StudioError) {
            return try await call.context.work { () throws(StudioError) -> [UInt8] in
                let contents = try shelf.contents(of: uri)
                return RPCWriter.result(
                    id: id,
                    [
                        "contents": [
                            [
                                "uri": .string(uri.text), "mimeType": .string(contents.mimeType),
                                "blob": .string(Base64.encode(contents.bytes)),
                            ]
                        ]
                    ])
            }
        } catch {
            switch error.code {
            case .imageNotFound, .fileNotFound: return SessionMachine.noResource(id, error.message, uri.text)
            case .busy: return RPCWriter.error(id: id, code: .overloaded, message: error.message)
            default: return RPCWriter.error(id: id, code: .internalError, message: error.message)
            }
        }
    }

    /// Carries out the calls of a batch at the same time. Nil: all that would be answered was cancelled.
    package func perform(batch: Batch) async -> [UInt8]? {
        var answers = batch.answers
        await withTaskGroup(of: [UInt8]?.self) { group in
            for call in batch.calls { group.addTask { await self.perform(call) } }
            for await answer in group { if let answer { answers.append(answer) } }
        }
        guard !answers.isEmpty else { return nil }
        return Array(
            [[UInt8(ascii: "[")], Array(answers.joined(separator: [UInt8(ascii: ",")])), [UInt8(ascii: "]")]].joined())
    }

    /// - Parameter links: gets what the call made.
    private static func run(
        _ tool: any Tool, _ given: JSONView?, _ call: Call, _ links: inout [ResourceLink]
    ) async -> JSONValue {
        let dialect = call.pending.dialect
        let arguments: ToolArguments
        do throws(ArgumentProblems) {
            arguments = try tool.parameters.decode(given)
        } catch {
            return Envelope.failure(error.first, others: error.rest, dialect)
        }
        do throws(StudioError) {
            let outcome = try await tool.call(arguments, call.context)
            links = outcome.links
            return Envelope.success(outcome, dialect)
        } catch {
            return Envelope.failure(error, dialect)
        }
    }

    /// Ends all calls at their next step; their answers are not sent.
    package func cancelAll() {
        let contexts = state.withLock { state in
            let contexts = Array(state.contexts.values)
            for id in state.contexts.keys { _ = state.machine.finish(id) }
            state.contexts = [:]
            return contexts
        }
        for context in contexts { context.cancel() }
    }
}
