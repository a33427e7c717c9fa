import HTTP
import JSON
import MCP

/// What a client is told when its server did not answer (contract: 502 or 504, with the caller's own id).
enum UpstreamAnswer {
    static func error(_ failure: UpstreamError, id: RequestID, requestID: String) -> (
        message: [UInt8], status: HTTPStatus
    ) {
        let (code, status): (RPCErrorCode, UInt16) =
            switch failure.code {
            case .unreachable, .lost: (.upstreamUnreachable, 502)
            case .timeout: (.upstreamTimeout, 504)
            case .broken, .endless, .tooLarge, .refused, .cancelled: (.upstreamBroken, 502)
            case .overloaded: (.overloaded, 503)
            case .untranslatable: (.untranslatable, 200)
            }
        let text = failure.code == .untranslatable ? failure.detail : failure.clientText
        let message = RPCWriter.error(
            id: id, code: code, message: text,
            data: [
                "reason": .string(failure.code.rawValue), "mayHaveRun": .bool(failure.mayHaveRun),
                "requestId": .string(requestID),
            ])
        return (message, HTTPStatus(status))
    }
}
