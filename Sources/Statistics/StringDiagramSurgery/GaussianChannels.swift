/// Linear-Gaussian channels as the meaning of diagrams: a wire is the real line, a box x ↦ Mx + b + N(0, Σ).
///
/// Copy, discard and swap are matrices without noise. There is no uniform law on a line, so a diagram that was cut has no
/// meaning here until the die is replaced by a box.
public struct GaussianChannels: DiagramSemantics, Sendable {
  /// x ↦ `matrix` x + `offset` + N(0, `covariance`).
  public struct Channel: Sendable, Equatable {
    /// `[outputs][inputs]`
    public var matrix: [[Double]]
    /// `[outputs]`
    public var offset: [Double]
    /// `[outputs][outputs]`
    public var covariance: [[Double]]

    /// How many wires come in: a matrix without rows does not tell.
    public var inputs: Int

    /// - Parameter inputs: of a matrix without rows; the length of its rows otherwise.
    public init(matrix: [[Double]], offset: [Double], covariance: [[Double]], inputs: Int = 0) {
      (self.matrix, self.offset, self.covariance) = (matrix, offset, covariance)
      self.inputs = matrix.first?.count ?? inputs
    }

    /// One output: Σ coefficientᵢ xᵢ + `intercept` + N(0, `variance`).
    public init(coefficients: [Double], intercept: Double = 0, variance: Double) {
      self.init(matrix: [coefficients], offset: [intercept], covariance: [[variance]])
    }
  }

  public let channels: [String: Channel]

  /// - Parameter channels: by the names of boxes.
  public init(_ channels: [String: Channel]) { self.channels = channels }

  private func linear(_ matrix: [[Double]], inputs: Int = 0) -> Channel {
    Channel(
      matrix: matrix, offset: Array(repeating: 0, count: matrix.count),
      covariance: Array(repeating: Array(repeating: 0, count: matrix.count), count: matrix.count),
      inputs: inputs)
  }

  public func identity(_ wires: [String]) -> Channel {
    linear(wires.indices.map { i in wires.indices.map { $0 == i ? 1 : 0 } })
  }

  public func box(_ box: StringDiagram.Box) throws(StatisticsError) -> Channel {
    guard let channel = channels[box.name] else {
      throw StatisticsError(
        .badData, "box \(box.name)", found: "no channel", expected: "coefficients and a variance")
    }
    guard channel.matrix.count == box.outputs.count, channel.offset.count == box.outputs.count,
      channel.covariance.count == box.outputs.count,
      channel.matrix.allSatisfy({ $0.count == box.inputs.count }),
      channel.covariance.allSatisfy({ $0.count == box.outputs.count })
    else {
      throw StatisticsError(
        .badData, "box \(box.name)",
        found:
          "coefficients of \(channel.matrix.first?.count ?? 0) inputs and \(channel.matrix.count) outputs",
        expected: "\(box.inputs.count) and \(box.outputs.count)")
    }
    let numbers = channel.matrix.flatMap { $0 } + channel.offset + channel.covariance.flatMap { $0 }
    guard numbers.allSatisfy(\.isFinite),
      channel.covariance.indices.allSatisfy({ channel.covariance[$0][$0] >= 0 })
    else {
      throw StatisticsError(
        .badData, "box \(box.name)", found: "a negative variance or a number that is not finite",
        expected: "finite coefficients and variances of 0 or more")
    }
    return channel
  }

  public func copy(_ wire: String) -> Channel { linear([[1], [1]]) }
  public func discard(_ wire: String) -> Channel { linear([], inputs: 1) }
  public func swap(_ a: String, _ b: String) -> Channel { linear([[0, 1], [1, 0]]) }

  public func uniform(_ wire: String) throws(StatisticsError) -> Channel {
    throw StatisticsError(
      .noAnswer, "wire \(wire)", found: "a uniform law on the real line", expected: "a channel",
      advice: "set the variable to a value, or give it any normal law")
  }

  public func compose(_ first: Channel, _ second: Channel) -> Channel {
    let moved = second.matrix.map { row in
      (0..<first.inputs).map { j in
        row.indices.reduce(0.0) { $0 + row[$1] * first.matrix[$1][j] }
      }
    }
    let offset = second.matrix.indices.map { i in
      second.matrix[i].indices.reduce(second.offset[i]) { $0 + second.matrix[i][$1] * first.offset[$1] }
    }
    let covariance = second.matrix.indices.map { i in
      second.matrix.indices.map { j in
        var total = second.covariance[i][j]
        for k in second.matrix[i].indices {
          for l in second.matrix[j].indices {
            total += second.matrix[i][k] * first.covariance[k][l] * second.matrix[j][l]
          }
        }
        return total
      }
    }
    return Channel(matrix: moved, offset: offset, covariance: covariance, inputs: first.inputs)
  }

  public func tensor(_ left: Channel, _ right: Channel) -> Channel {
    Channel(
      matrix: Self.blocks(left.matrix, left.inputs, right.matrix, right.inputs),
      offset: left.offset + right.offset,
      covariance: Self.blocks(
        left.covariance, left.covariance.count, right.covariance, right.covariance.count),
      inputs: left.inputs + right.inputs)
  }

  private static func blocks(_ a: [[Double]], _ left: Int, _ b: [[Double]], _ right: Int) -> [[Double]] {
    a.map { $0 + Array(repeating: 0, count: right) } + b.map { Array(repeating: 0, count: left) + $0 }
  }
}
