import RealModule

/// Computes nodes of formulas for several lanes at once, each with its own inputs; or for one lane with derivatives, the
/// value in lane 0 and its derivative in direction j in lane j.
///
/// Owns its memory: one evaluator a thread. Parts that depend on parameters alone are computed when those are set.
final class FormulaEvaluator {
  private struct Instruction {
    enum Code: UInt8 {
      case add, subtract, multiply, divide, power, minimum, maximum
      case exp, log, sin, cos, tanh, sqrt, abs, floor, step
    }
    let code: Code
    let a: Int
    let b: Int
    let out: Int
  }

  let lanes: Int
  /// Whether lanes from 1 on are derivatives.
  let isDual: Bool
  /// The inputs: time, state, parameters.
  let stateCount: Int
  let parameterCount: Int
  private let registers: UnsafeMutablePointer<Double>
  private var constantInstructions: [Instruction] = []
  private var instructions: [Instruction] = []
  private let outputs: [Int]

  /// - Parameter outputs: the nodes to be computed.
  init(
    _ formulas: Formulas, outputs: [Formulas.Node], stateCount: Int, parameterCount: Int, lanes: Int = 1,
    isDual: Bool = false
  ) {
    (self.lanes, self.isDual) = (lanes, isDual)
    (self.stateCount, self.parameterCount) = (stateCount, parameterCount)
    var isNeeded = [Bool](repeating: false, count: formulas.operations.count)
    for output in outputs { isNeeded[output] = true }
    for node in formulas.operations.indices.reversed() where isNeeded[node] {
      for operand in Formulas.operands(formulas.operations[node]) { isNeeded[operand] = true }
    }
    let inputs = 1 + stateCount + parameterCount
    var slot = [Int](repeating: -1, count: formulas.operations.count)
    var isStatic = [Bool](repeating: true, count: formulas.operations.count)
    var next = inputs
    var constants: [(slot: Int, value: Double)] = []
    for (node, operation) in formulas.operations.enumerated() where isNeeded[node] {
      switch operation {
      case .input(let number):
        slot[node] = number
        isStatic[node] = number > stateCount
        continue
      case .constant(let value): constants.append((next, value))
      default:
        let operands = Formulas.operands(operation)
        isStatic[node] = operands.allSatisfy { isStatic[$0] }
        let instruction = Instruction(
          code: Self.code(operation), a: slot[operands[0]] * lanes,
          b: slot[operands[operands.count - 1]] * lanes,
          out: next * lanes)
        if isStatic[node] {
          constantInstructions.append(instruction)
        } else {
          instructions.append(instruction)
        }
      }
      slot[node] = next
      next += 1
    }
    self.outputs = outputs.map { slot[$0] * lanes }
    // Aligned, so that eight lanes are one vector.
    registers = UnsafeMutableRawPointer.allocate(
      byteCount: max(1, next * lanes) * MemoryLayout<Double>.stride,
      alignment: MemoryLayout<SIMD8<Double>>.alignment
    ).bindMemory(to: Double.self, capacity: next * lanes)
    registers.initialize(repeating: 0, count: next * lanes)
    for (slot, value) in constants {
      for lane in 0..<(isDual ? 1 : lanes) { registers[slot * lanes + lane] = value }
    }
  }

  deinit { registers.deallocate() }

  /// Sets the parameters of a lane; with derivatives, of lane 0.
  func setParameters(_ values: [Double], lane: Int = 0) {
    for (i, value) in values.enumerated() { registers[(1 + stateCount + i) * lanes + lane] = value }
  }

  /// Sets the derivative of a parameter in a direction from 1 on.
  func setDerivative(ofParameter i: Int, direction: Int, to value: Double) {
    registers[(1 + stateCount + i) * lanes + direction] = value
  }

  /// The derivative of the time in a direction.
  func setTimeDerivative(direction: Int, to value: Double) { registers[direction] = value }

  /// To be called after parameters were set.
  func prepare() { run(constantInstructions) }

  /// Computes at a time and a state `[stateCount · lanes]`, number i of lane l at i · lanes + l.
  func evaluate(_ t: Double, _ state: UnsafePointer<Double>) {
    for lane in 0..<(isDual ? 1 : lanes) { registers[lane] = t }
    (registers + lanes).update(from: state, count: stateCount * lanes)
    run(instructions)
  }

  /// An output of the last evaluation.
  func output(_ i: Int, lane: Int = 0) -> Double { registers[outputs[i] + lane] }

  /// The first outputs of the last evaluation, all if not said, `[count · lanes]`.
  func writeOutputs(to result: UnsafeMutablePointer<Double>, count: Int? = nil) {
    for (i, place) in outputs.prefix(count ?? outputs.count).enumerated() {
      (result + i * lanes).update(from: registers + place, count: lanes)
    }
  }

  private func run(_ instructions: [Instruction]) {
    if isDual {
      for instruction in instructions { differentiate(instruction) }
    } else if lanes == 8 {
      UnsafeMutableRawPointer(registers).withMemoryRebound(to: SIMD8<Double>.self, capacity: 1) { vectors in
        for instruction in instructions where !computeVector(instruction, vectors) { compute(instruction) }
      }
    } else {
      for instruction in instructions { compute(instruction) }
    }
  }

  /// The four rules of arithmetic on eight lanes at once; false for anything else.
  @inline(__always)
  private func computeVector(_ instruction: Instruction, _ vectors: UnsafeMutablePointer<SIMD8<Double>>)
    -> Bool
  {
    let (a, b) = (vectors[instruction.a >> 3], vectors[instruction.b >> 3])
    switch instruction.code {
    case .add: vectors[instruction.out >> 3] = a + b
    case .subtract: vectors[instruction.out >> 3] = a - b
    case .multiply: vectors[instruction.out >> 3] = a * b
    case .divide: vectors[instruction.out >> 3] = a / b
    default: return false
    }
    return true
  }

  @inline(__always)
  private func compute(_ instruction: Instruction) {
    let (a, b, out) = (
      registers + instruction.a, registers + instruction.b, registers + instruction.out
    )
    switch instruction.code {
    case .add: for l in 0..<lanes { out[l] = a[l] + b[l] }
    case .subtract: for l in 0..<lanes { out[l] = a[l] - b[l] }
    case .multiply: for l in 0..<lanes { out[l] = a[l] * b[l] }
    case .divide: for l in 0..<lanes { out[l] = a[l] / b[l] }
    case .power: for l in 0..<lanes { out[l] = Statistics.power(a[l], b[l]) }
    case .minimum: for l in 0..<lanes { out[l] = min(a[l], b[l]) }
    case .maximum: for l in 0..<lanes { out[l] = max(a[l], b[l]) }
    case .exp: for l in 0..<lanes { out[l] = .exp(a[l]) }
    case .log: for l in 0..<lanes { out[l] = .log(a[l]) }
    case .sin: for l in 0..<lanes { out[l] = .sin(a[l]) }
    case .cos: for l in 0..<lanes { out[l] = .cos(a[l]) }
    case .tanh: for l in 0..<lanes { out[l] = .tanh(a[l]) }
    case .sqrt: for l in 0..<lanes { out[l] = a[l].squareRoot() }
    case .abs: for l in 0..<lanes { out[l] = Swift.abs(a[l]) }
    case .floor: for l in 0..<lanes { out[l] = a[l].rounded(.down) }
    case .step: for l in 0..<lanes { out[l] = a[l] >= 0 ? 1 : 0 }
    }
  }

  @inline(__always)
  private func differentiate(_ instruction: Instruction) {
    let (a, b, out) = (
      registers + instruction.a, registers + instruction.b, registers + instruction.out
    )
    let (x, y) = (a[0], b[0])
    /// The chain rule of a function of one number.
    @inline(__always) func chain(_ value: Double, _ slope: Double) {
      out[0] = value
      for l in 1..<lanes { out[l] = slope * a[l] }
    }
    switch instruction.code {
    case .add: for l in 0..<lanes { out[l] = a[l] + b[l] }
    case .subtract: for l in 0..<lanes { out[l] = a[l] - b[l] }
    case .multiply:
      out[0] = x * y
      for l in 1..<lanes { out[l] = x * b[l] + a[l] * y }
    case .divide:
      let (ratio, inverse) = (x / y, 1 / y)
      out[0] = ratio
      for l in 1..<lanes { out[l] = (a[l] - ratio * b[l]) * inverse }
    case .power:
      let value = Statistics.power(x, y)
      let (byBase, logarithm) = (y * Statistics.power(x, y - 1), Double.log(x))
      out[0] = value
      for l in 1..<lanes {
        // A constant exponent must not meet log of a base that is not positive.
        out[l] = byBase * a[l] + (b[l] == 0 ? 0 : value * logarithm * b[l])
      }
    case .minimum:
      let from = x <= y ? a : b
      for l in 0..<lanes { out[l] = from[l] }
    case .maximum:
      let from = x >= y ? a : b
      for l in 0..<lanes { out[l] = from[l] }
    case .exp:
      let value = Double.exp(x)
      chain(value, value)
    case .log: chain(.log(x), 1 / x)
    case .sin: chain(.sin(x), .cos(x))
    case .cos: chain(.cos(x), -.sin(x))
    case .tanh:
      let value = Double.tanh(x)
      chain(value, 1 - value * value)
    case .sqrt:
      let value = x.squareRoot()
      chain(value, 0.5 / value)
    case .abs: chain(Swift.abs(x), x >= 0 ? 1 : -1)
    case .floor: chain(x.rounded(.down), 0)
    case .step: chain(x >= 0 ? 1 : 0, 0)
    }
  }

  private static func code(_ operation: Formulas.Operation) -> Instruction.Code {
    switch operation {
    case .constant, .input: preconditionFailure("FormulaEvaluator: nothing to compute")
    case .add: .add
    case .subtract: .subtract
    case .multiply: .multiply
    case .divide: .divide
    case .power: .power
    case .minimum: .minimum
    case .maximum: .maximum
    case .exp: .exp
    case .log: .log
    case .sin: .sin
    case .cos: .cos
    case .tanh: .tanh
    case .sqrt: .sqrt
    case .abs: .abs
    case .floor: .floor
    case .step: .step
    }
  }
}
