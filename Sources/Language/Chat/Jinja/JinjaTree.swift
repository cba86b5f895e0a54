/// The template language of chat templates: what `transformers` gives them of jinja2, and nothing besides.
///
/// The meaning is that of jinja2 3.1.6 in an immutable sandbox with `trim_blocks`, `lstrip_blocks` and loop controls;
/// what is not offered is refused by name. A template is text of a stranger: reading and rendering are limited in depth
/// and in work, so that the worst one ends with an error.
package enum Jinja {}

extension Jinja {
  enum Constant: Sendable {
    case none
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case text(String)
  }

  enum UnaryOperator: Sendable { case negative, positive, not }

  enum BinaryOperator: String, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case floorDivide = "//"
    case remainder = "%"
    case power = "**"
  }

  enum Comparison: String, Sendable {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case isIn = "in"
    case isNotIn = "not in"
  }

  indirect enum Expression: Sendable {
    case constant(Constant)
    case name(String)
    case list([Expression])
    case tuple([Expression])
    case dictionary([(key: Expression, value: Expression)])
    case unary(UnaryOperator, Expression)
    case binary(BinaryOperator, Expression, Expression)
    /// Texts joined by `~`.
    case concatenation([Expression])
    case comparison(Expression, [(operation: Comparison, operand: Expression)])
    case and(Expression, Expression)
    case or(Expression, Expression)
    case conditional(test: Expression, then: Expression, otherwise: Expression?, line: Int)
    case attribute(Expression, String, line: Int)
    case element(Expression, Expression, line: Int)
    case slice(Expression, start: Expression?, end: Expression?, step: Expression?, line: Int)
    case call(Expression, CallArguments, line: Int)
    case filter(Filter, Expression, CallArguments, line: Int)
    case test(Test, Expression, CallArguments, line: Int)
  }

  /// The arguments of a call as they are written.
  struct CallArguments: Sendable {
    var positional: [Expression] = []
    var keywords: [(name: String, value: Expression)] = []
    /// `*list` and `**dictionary`.
    var list: Expression?
    var dictionary: Expression?
  }

  /// What can stand left of `=`, or between `for` and `in`.
  indirect enum Target: Sendable {
    case name(String)
    case attribute(namespace: String, name: String)
    case tuple([Target])
  }

  struct Macro: Sendable {
    var name: String
    /// The last `defaults.count` parameters have defaults.
    var parameters: [String] = []
    var defaults: [Expression] = []
    var body: [Statement] = []
    /// Which of the special variables the body mentions; only then may a call pass what they hold.
    var takesList = false
    var takesDictionary = false
    var takesCaller = false
  }

  struct Loop: Sendable {
    var target: Target
    var iterable: Expression
    var condition: Expression?
    var isRecursive: Bool
    var body: [Statement]
    var otherwise: [Statement]
  }

  indirect enum Statement: Sendable {
    case text(String)
    case output(Expression, line: Int)
    case conditional([(test: Expression, body: [Statement])], otherwise: [Statement], line: Int)
    case loop(Loop, line: Int)
    case assignment(Target, Expression, line: Int)
    /// `{% set name %}…{% endset %}`; the value is an expression of ``Jinja/captured``.
    case capture(Target, Expression, body: [Statement], line: Int)
    case macro(Macro, line: Int)
    /// `{% call name() %}…{% endcall %}`.
    case callBlock(Macro, function: Expression, arguments: CallArguments, line: Int)
    case filterBlock(Expression, body: [Statement], line: Int)
    case with([(target: Target, value: Expression)], body: [Statement], line: Int)
    /// What the model is to learn; it has a scope of its own and is printed as it is.
    case generation([Statement])
    case breakLoop
    case continueLoop
  }

  /// The name under which a block's text stands for the filters applied to it; no template can write it.
  static let captured = " captured"
}
