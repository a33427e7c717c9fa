/// A trait of a tool that makes a mistake or an attack worse.
package struct RiskSignal: Sendable, Hashable {
    /// The traits; the attack database links to them by their raw values.
    package enum Code: String, Sendable, CaseIterable {
        case highParameterCount = "high_parameter_count"
        case acceptsURL = "accepts_url"
        case acceptsFilePath = "accepts_file_path"
        case acceptsCode = "accepts_code"
        case acceptsQuery = "accepts_query"
        case acceptsHTML = "accepts_raw_html"
        case acceptsCredentials = "accepts_credentials"
        case acceptsRecipients = "accepts_recipients"
        case acceptsAmount = "accepts_amount"
        case bulk
        case openSchema = "open_schema"
        case noDescription = "no_description"
        case irreversible
        case externalEffects = "external_effects"

        /// All of them; `allCases` would make a new array each time.
        static let inOrder = allCases
    }

    /// Which trait.
    package let code: Code
    /// For people, with the parameters that it is about: `High parameter count (12 properties)`.
    package let text: String
    /// The parameters that it is about, by name.
    package let parameters: [String]

    package init(code: Code, text: String, parameters: [String] = []) {
        self.code = code
        self.text = text
        self.parameters = parameters
    }
}
