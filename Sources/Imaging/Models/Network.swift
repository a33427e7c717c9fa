import COpenVINO

/// A compiled model. Confined to one thread at a time.
final class Network {
    /// What an input takes or an output gives.
    struct Port: Equatable, CustomStringConvertible {
        let name: String
        /// -1 for a side that may have any length; nil when even the number of sides is open.
        let shape: [Int]?

        var description: String {
            let sides = shape.map { $0.map { $0 < 0 ? "any" : "\($0)" }.joined(separator: "×") } ?? "anything"
            return name.isEmpty ? sides : "\(name) \(sides)"
        }
    }

    /// Who brought the model, for what an error says.
    enum Origin {
        case vendor, user

        var supply: String {
            switch self {
            case .vendor: "run scripts/setup, it fetches it"
            case .user: "put it there, or make it readable"
            }
        }

        var mend: String {
            switch self {
            case .vendor: "run scripts/fetch-models --force"
            case .user: "export it again as ONNX with 32-bit floats, in the layout that docs/studio-models.md describes"
            }
        }
    }

    /// Most numbers of one input: 1 GiB of floats. What a shape asks for is checked before memory is taken.
    private static let mostNumbers = 1 << 28

    private let handle: OpaquePointer
    // A network needs its engine's library and core as long as it lives.
    private let engine: InferenceEngine
    private let origin: Origin
    let path: String
    let inputs: [Port]
    let outputs: [Port]

    init(_ handle: OpaquePointer, of engine: InferenceEngine, path: String, origin: Origin) throws(ImagingError) {
        self.handle = handle
        self.engine = engine
        self.path = path
        self.origin = origin
        do throws(ImagingError) {
            inputs = try Self.ports(handle, outputs: false, path, origin)
            outputs = try Self.ports(handle, outputs: true, path, origin)
        } catch {
            cov_close(handle)
            throw error
        }
    }

    deinit {
        cov_close(handle)
    }

    private static func ports(
        _ handle: OpaquePointer, outputs: Bool, _ path: String, _ origin: Origin
    ) throws(ImagingError) -> [Port] {
        var ports: [Port] = []
        for index in 0..<cov_count(handle, outputs ? 1 : 0) {
            var port = cov_port()
            var text = ErrorText(capacity: Int(COV_TEXT))
            guard text.lend({ cov_describe(handle, outputs ? 1 : 0, index, &port, $0) }) == 0 else {
                throw ImagingError(.modelBroken, "the model \(shown(path)) \(text.string); \(origin.mend)")
            }
            ports.append(Port(port))
        }
        return ports
    }

    /// An error that names the model.
    func broken(_ what: String) -> ImagingError {
        ImagingError(.modelBroken, "the model \(shown(path)) \(what); \(origin.mend)")
    }

    /// Where an input of floats goes before `run`, in this shape. Valid until it is asked for in another shape.
    ///
    /// Throws `.modelBroken` when the model does not take it.
    func input(_ index: Int = 0, shape: [Int]) throws(ImagingError) -> UnsafeMutableBufferPointer<Float> {
        let (memory, count, type) = try memory(index, shape)
        guard type == Int32(COV_F32) else { throw broken("takes numbers that are no 32-bit floats") }
        return UnsafeMutableBufferPointer(start: memory.assumingMemoryBound(to: Float.self), count: count)
    }

    /// Writes numbers into an input, whatever kind of them it takes. Throws `.modelBroken`.
    func setInput(_ index: Int, shape: [Int], _ numbers: [Double]) throws(ImagingError) {
        let (memory, count, type) = try memory(index, shape)
        guard count == numbers.count else { throw broken("takes \(count) numbers instead of \(numbers.count)") }
        switch Int(type) {
        case Int(COV_F32):
            let floats = memory.assumingMemoryBound(to: Float.self)
            for i in 0..<count { floats[i] = Float(numbers[i]) }
        case Int(COV_I32):
            let integers = memory.assumingMemoryBound(to: Int32.self)
            for i in 0..<count { integers[i] = Int32(clamping: Int64(numbers[i])) }
        case Int(COV_I64):
            let integers = memory.assumingMemoryBound(to: Int64.self)
            for i in 0..<count { integers[i] = Int64(numbers[i]) }
        default: throw broken("takes numbers of a kind that is not handled (\(inputs[index]))")
        }
    }

    private func memory(
        _ index: Int, _ shape: [Int]
    ) throws(ImagingError) -> (UnsafeMutableRawPointer, count: Int, type: Int32) {
        var numbers = 1
        for side in shape {
            let (product, overflow) = numbers.multipliedReportingOverflow(by: side)
            guard side > 0, !overflow, product <= Self.mostNumbers else {
                throw ImagingError(.tooLarge, "the model \(shown(path)) would need an input of \(shape) numbers")
            }
            numbers = product
        }
        guard inputs.indices.contains(index), inputs[index].fits(shape) else {
            throw broken("does not take an input of \(shape) numbers, but \(inputs)")
        }
        let dims = shape.map(Int64.init)
        var data: UnsafeMutableRawPointer?
        var count = 0
        var type: Int32 = 0
        var text = ErrorText(capacity: Int(COV_TEXT))
        let status = text.lend { cov_input(handle, index, Int32(dims.count), dims, &data, &count, &type, $0) }
        guard status == 0, let data, count == numbers else { throw broken(text.string) }
        return (data, count, type)
    }

    /// Runs the model over its inputs. Throws `.inferenceFailed`.
    func run() throws(ImagingError) {
        var text = ErrorText(capacity: Int(COV_TEXT))
        guard text.lend({ cov_infer(handle, $0) }) == 0 else {
            throw ImagingError(.inferenceFailed, "the model \(shown(path)) \(text.string)")
        }
    }

    /// An output of floats with its shape, valid until the next `run`. Throws `.modelBroken`.
    func output(_ index: Int = 0) throws(ImagingError) -> (shape: [Int], numbers: UnsafeBufferPointer<Float>) {
        var data: UnsafeRawPointer?
        var count = 0
        var port = cov_port()
        var text = ErrorText(capacity: Int(COV_TEXT))
        guard text.lend({ cov_output(handle, index, &port, &data, &count, $0) }) == 0, let data else {
            throw broken(text.string)
        }
        guard port.type == Int32(COV_F32), let shape = Port(port).shape else {
            throw broken("gives numbers that are no 32-bit floats")
        }
        return (
            shape, UnsafeBufferPointer(start: data.assumingMemoryBound(to: Float.self), count: count)
        )
    }

    /// An output that must have exactly this many floats. Throws `.modelBroken`.
    func output(_ index: Int = 0, count: Int) throws(ImagingError) -> UnsafeBufferPointer<Float> {
        let numbers = try output(index).numbers
        guard numbers.count == count else {
            throw broken("gives \(numbers.count) numbers where \(count) are expected: it is another model")
        }
        return numbers
    }
}

extension Network.Port {
    fileprivate init(_ port: cov_port) {
        name = withUnsafeBytes(of: port.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        guard port.rank >= 0 else {
            shape = nil
            return
        }
        shape = withUnsafeBytes(of: port.dims) { bytes in
            bytes.bindMemory(to: Int64.self).prefix(Int(port.rank)).map { Int($0) }
        }
    }

    /// Whether the port takes this shape.
    fileprivate func fits(_ wanted: [Int]) -> Bool {
        guard let shape else { return true }
        return shape.count == wanted.count && zip(shape, wanted).allSatisfy { $0 < 0 || $0 == $1 }
    }
}
