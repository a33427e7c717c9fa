/// What is wrong with a file of rules.
package struct RuleProblem: Error, Sendable, Equatable, CustomStringConvertible {
    /// For whoever writes the rules: what, where and how to mend it.
    package let description: String

    package init(_ description: String) { self.description = description }
}
