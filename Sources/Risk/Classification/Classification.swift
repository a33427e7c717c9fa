package import Policy

/// The judgement on one tool. The same definition, siblings and rule set always give the same.
package struct Classification: Sendable, Hashable {
    /// The most severe kind of thing that the tool can do.
    package let category: ToolCategory
    /// How bad it can get.
    package let severity: Severity
    /// How sure the rules are.
    package let confidence: Confidence
    /// One to three sentences for people.
    package let rationale: String
    /// What of the definition decided, quoted as it stands there.
    package let evidence: [Evidence]
    /// What else makes the tool risky, in the order of `RiskSignal.Code`.
    package let signals: [RiskSignal]

    package init(
        category: ToolCategory, severity: Severity, confidence: Confidence, rationale: String, evidence: [Evidence],
        signals: [RiskSignal]
    ) {
        self.category = category
        self.severity = severity
        self.confidence = confidence
        self.rationale = rationale
        self.evidence = evidence
        self.signals = signals
    }

    package enum Confidence: String, Sendable, CaseIterable {
        case low, medium, high
    }

    /// A piece of the definition.
    package struct Evidence: Sendable, Hashable {
        /// Where it stands: `name`, `title`, `description`, `annotations`, `inputSchema` and below as a JSON pointer, or
        /// `siblings`, `server`.
        package let place: String
        /// The text there, at most some 200 characters around what counted.
        package let quote: String

        package init(place: String, quote: String) {
            self.place = place
            self.quote = quote
        }
    }
}
