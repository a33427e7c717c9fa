import JSON

/// Messages that we write ourselves.
package enum RPCWriter {
    package static func result(id: RequestID, _ result: JSONValue) -> [UInt8] {
        message { writer in
            writer.key("id")
            writer.raw(id.raw)
            writer.key("result")
            writer.value(result)
        }
    }

    /// The same for a result that is written already.
    package static func result(id: RequestID, bytes: [UInt8]) -> [UInt8] {
        message { writer in
            writer.key("id")
            writer.raw(id.raw)
            writer.key("result")
            writer.raw(bytes)
        }
    }

    /// An error answer. Without an id the member is left out, as the schema of 2025-11-25 wants it.
    package static func error(
        id: RequestID?, code: RPCErrorCode, message text: String, data: JSONValue? = nil
    ) -> [UInt8] {
        error(id: id, number: code.rawValue, message: text, data: data)
    }

    /// The same for a code that is not ours to name, such as one that is passed on.
    package static func error(id: RequestID?, number: Int, message text: String, data: JSONValue? = nil) -> [UInt8] {
        message { writer in
            if let id {
                writer.key("id")
                writer.raw(id.raw)
            }
            writer.key("error")
            writer.beginObject()
            writer.member("code", number)
            writer.member("message", text)
            if let data {
                writer.key("data")
                writer.value(data)
            }
            writer.endObject()
        }
    }

    /// The same for an error that is written already.
    package static func error(id: RequestID, bytes: [UInt8]) -> [UInt8] {
        message { writer in
            writer.key("id")
            writer.raw(id.raw)
            writer.key("error")
            writer.raw(bytes)
        }
    }

    package static func request(id: Int64, method: String, params: JSONValue? = nil) -> [UInt8] {
        message { writer in
            writer.member("id", id)
            writer.member("method", method)
            if let params {
                writer.key("params")
                writer.value(params)
            }
        }
    }

    /// - Parameter paramsBytes: a JSON object, if there are parameters.
    package static func request(id: Int64, method: String, paramsBytes: [UInt8]?) -> [UInt8] {
        message { writer in
            writer.member("id", id)
            writer.member("method", method)
            if let paramsBytes {
                writer.key("params")
                writer.raw(paramsBytes)
            }
        }
    }

    package static func notification(method: String, params: JSONValue? = nil) -> [UInt8] {
        message { writer in
            writer.member("method", method)
            if let params {
                writer.key("params")
                writer.value(params)
            }
        }
    }

    private static func message(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("jsonrpc", "2.0")
        body(&writer)
        writer.endObject()
        return writer.bytes
    }
}
