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

    private struct State {
        var machine: SessionMachine
        var contexts: [RequestID: CallContext] = [:]
    }

    private let workers: any Workers
    private let state: Mutex<State>

    /// A session before its `initialize`.
    package init(tools: ToolRegistry, workers: any Workers, limits: SessionMachine.Limits = SessionMachine.Limits()) {
        self.workers = workers
        state = Mutex(State(machine: SessionMachine(tools: tools, limits: limits)))
    }

    /// Calls in flight.
    package var runningCount: Int { state.withLock { $0.machine.runningCount } }

    /// What was agreed in `initialize`; nil before it.
    package var version: MCPVersion? { state.withLock { $0.machine.version } }

    /// Takes one message.
    /// - Parameter progress: gets the progress notifications of the call that this message may be; from any thread,
    ///   always before ``perform(_:)`` returns.
    package func receive(_ bytes: [UInt8], progress: @escaping @Sendable ([UInt8]) -> Void) -> Received {
        let (received, cancelled) = state.withLock { state -> (Received, CallContext?) in
            switch state.machine.receive(bytes) {
            case .reply(let bytes): return (.reply(bytes), nil)
            case .reject(let bytes): return (.reject(bytes), nil)
            case .nothing: return (.accepted, nil)
            case .cancel(let id): return (.accepted, state.contexts.removeValue(forKey: id))
            case .call(let pending):
                let context = makeContext(pending, progress)
                state.contexts[pending.id] = context
                return (.call(Call(pending: pending, context: context)), nil)
            }
        }
        cancelled?.cancel()
        return received
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
        let result = await Self.run(call)
        let id = call.pending.id
        let mayAnswer = state.withLock { state in
            guard state.contexts[id] === call.context else { return false }
            state.contexts[id] = nil
            return state.machine.finish(id)
        }
        return mayAnswer ? RPCWriter.result(id: id, result) : nil
    }

    private static func run(_ call: Call) async -> JSONValue {
        let pending = call.pending
        let arguments: ToolArguments
        do throws(ArgumentProblems) {
            arguments = try pending.tool.parameters.decode(pending.arguments)
        } catch {
            return Envelope.failure(error.first, others: error.rest, pending.dialect)
        }
        do throws(StudioError) {
            return Envelope.success(try await pending.tool.call(arguments, call.context), pending.dialect)
        } catch {
            return Envelope.failure(error, pending.dialect)
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
