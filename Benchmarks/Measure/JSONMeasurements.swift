import JSON

/// A usual call, 190 bytes.
let toolCall = Array(
    #"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"add","arguments":{"a":2,"b":40,"note":"the sum of two small numbers, with a remark","exact":true},"_meta":{"progressToken":3}}}"#
        .utf8)

@MainActor func measureJSON() {
    report("json_call_bytes", Double(toolCall.count))
    report("json_parse_us", microseconds { use(try? JSONDocument.parse(toolCall)) })
    guard let document = try? JSONDocument.parse(toolCall) else { return }
    let root = document.root
    report(
        "json_lookup_us",
        microseconds {
            use(root["method"]?.equals("tools/call"))
        })
    report(
        "json_read_call_us",
        microseconds {
            use(root["jsonrpc"]?.equals("2.0"))
            use(root["method"]?.equals("tools/call"))
            use(root["id"]?.int)
            let params = root["params"]
            use(params?["name"]?.string)
            let arguments = params?["arguments"]
            use(arguments?["a"]?.int)
            use(arguments?["exact"]?.bool)
            use(params?["_meta"]?["progressToken"]?.int)
        })
    report(
        "json_members_us",
        microseconds {
            var count = 0
            if let arguments = root["params"]?["arguments"] {
                for (key, value) in arguments.members { count += key.range.count + value.range.count }
            }
            use(count)
        })
    report("json_canonical_us", microseconds { use(root.canonical()) })
    report(
        "json_write_us",
        microseconds {
            var writer = JSONWriter()
            writer.beginObject()
            writer.member("jsonrpc", "2.0")
            writer.member("id", 3)
            writer.key("result")
            writer.beginObject()
            writer.key("content")
            writer.beginArray()
            writer.beginObject()
            writer.member("type", "text")
            writer.member("text", "the sum of two small numbers is 42")
            writer.endObject()
            writer.endArray()
            writer.member("isError", false)
            writer.endObject()
            writer.endObject()
            use(writer.bytes)
        })
}
