/// Something in a server's metadata that should not be there.
package struct MetadataFinding: Sendable, Hashable {
    /// Which; the attack database links to findings by their raw values.
    package enum Code: String, Sendable, CaseIterable {
        case hiddenInstruction = "hidden_instruction"
        case secrecyRequest = "secrecy_request"
        case invisibleCharacters = "invisible_characters"
        case bidiControl = "bidi_control"
        case tagCharacters = "tag_characters"
        case homoglyph
        case ansiEscape = "ansi_escape"
        case crossToolReference = "cross_tool_reference"
        case sensitiveFileReference = "sensitive_file_reference"
        case exfiltrationParameter = "exfiltration_parameter"
        case secretInDefault = "secret_in_default"
        case remoteReference = "remote_ref"
        case overlongText = "overlong_text"
        case lookAlikeName = "lookalike_name"
        case collidingName = "colliding_name"
        case encodedPayload = "encoded_payload"
        case markupInDescription = "markup_in_description"
        case linkToUnknownHost = "link_to_unknown_host"
        case priorityClaim = "priority_claim"
    }

    /// Which.
    package let code: Code
    /// How bad.
    package let severity: Severity
    /// The tool that it is in; nil: in the server's instructions, a resource or a prompt.
    package let tool: String?
    /// A JSON pointer into the definition, such as `/inputSchema/properties/path/description`.
    package let place: String
    /// The text around it, invisible characters shown as `<U+200B>`, at most some 200 characters.
    package let quote: String
    /// One sentence: what it is.
    package let text: String
    /// One sentence: how to mend it.
    package let mend: String

    package init(
        code: Code, severity: Severity, tool: String?, place: String, quote: String, text: String, mend: String
    ) {
        self.code = code
        self.severity = severity
        self.tool = tool
        self.place = place
        self.quote = quote
        self.text = text
        self.mend = mend
    }
}
