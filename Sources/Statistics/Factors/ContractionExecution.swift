extension Contraction {
  /// Runs the steps.
  /// - Parameter factors: over the variables the contraction was made for, in this order; single tables, or batches of one
  ///   size, beside which single tables count for every one of the batch.
  /// - Returns: over ``open``, `[cells, batch]`.
  /// - Throws: ``StatisticsError`` where a batch needs more memory than `limit` cells have.
  public func callAsFunction<Scalar>(_ factors: [Factor<Scalar>], limit: Int = 1 << 28)
    throws(StatisticsError)
    -> Factor<Scalar>
  {
    let batch = factors.map(\.batch).max() ?? 1
    guard largestTable <= limit / max(1, batch) else {
      throw StatisticsError(
        .noAnswer, "\(batch) tables at once", found: "\(largestTable) cells in each",
        expected: "at most \(limit) together", advice: "use fewer resamples or draws")
    }
    return self(unchecked: factors)
  }

  func callAsFunction<Scalar>(unchecked factors: [Factor<Scalar>]) -> Factor<Scalar> {
    precondition(
      factors.count == scopes.count && zip(factors, scopes).allSatisfy { $0.variables == $1 },
      "Contraction: factors over \(factors.map(\.variables.names)), made for \(scopes.map(\.names))")
    let batch = factors.map(\.batch).max() ?? 1
    precondition(
      factors.allSatisfy { $0.batch == batch || $0.batch == 1 }, "Contraction: batches of different sizes")
    var tables: [Factor<Scalar>?] = factors
    if !missing.isEmpty { tables.append(Factor(missing, repeating: .one)) }
    if tables.isEmpty { return Factor([], values: [.one]) }
    for step in steps {
      let left = tables[step.left]!
      let right = step.right.map { tables[$0]! }
      tables.append(step.run(left, right))
      // What is used up frees its memory.
      tables[step.left] = nil
      if let number = step.right { tables[number] = nil }
    }
    return tables.last!!
  }
}

extension Contraction.Step {
  func run<Scalar>(_ left: Factor<Scalar>, _ right: Factor<Scalar>?) -> Factor<Scalar> {
    let batch = max(left.batch, right?.batch ?? 1)
    let (leftBatch, rightBatch) = (left.batch, right?.batch ?? 1)
    let count = leftCells.count * batch
    let values = [Scalar](unsafeUninitializedCapacity: count) { output, initialised in
      left.values.withUnsafeBufferPointer { left in
        if let right {
          right.values.withUnsafeBufferPointer { right in
            multiply(left, leftBatch, right, rightBatch, batch: batch, into: output)
          }
        } else {
          sum(left, batch: batch, into: output)
        }
      }
      initialised = count
    }
    return Factor(variables, batch: batch, values: values)
  }

  private func multiply<Scalar: FactorScalar>(
    _ left: UnsafeBufferPointer<Scalar>, _ leftBatch: Int, _ right: UnsafeBufferPointer<Scalar>,
    _ rightBatch: Int, batch: Int, into output: UnsafeMutableBufferPointer<Scalar>
  ) {
    guard batch > 1 else {
      for cell in leftCells.indices {
        let (l, r) = (leftCells[cell], rightCells[cell])
        var total = Scalar.zero
        for s in leftSummed.indices {
          total = total + left[Int(l &+ leftSummed[s])] * right[Int(r &+ rightSummed[s])]
        }
        (output.baseAddress! + cell).initialize(to: total)
      }
      return
    }
    for cell in leftCells.indices {
      let target = output.baseAddress! + cell * batch
      target.initialize(repeating: .zero, count: batch)
      for s in leftSummed.indices {
        let l = left.baseAddress! + Int(leftCells[cell] &+ leftSummed[s]) * leftBatch
        let r = right.baseAddress! + Int(rightCells[cell] &+ rightSummed[s]) * rightBatch
        // A single table counts for every one of the batch.
        if leftBatch == rightBatch {
          for k in 0..<batch { target[k] = target[k] + l[k] * r[k] }
        } else if leftBatch == batch {
          let factor = r[0]
          for k in 0..<batch { target[k] = target[k] + l[k] * factor }
        } else {
          let factor = l[0]
          for k in 0..<batch { target[k] = target[k] + factor * r[k] }
        }
      }
    }
  }

  private func sum<Scalar: FactorScalar>(
    _ left: UnsafeBufferPointer<Scalar>, batch: Int, into output: UnsafeMutableBufferPointer<Scalar>
  ) {
    for cell in leftCells.indices {
      let target = output.baseAddress! + cell * batch
      target.initialize(repeating: .zero, count: batch)
      for s in leftSummed.indices {
        let l = left.baseAddress! + Int(leftCells[cell] &+ leftSummed[s]) * batch
        for k in 0..<batch { target[k] = target[k] + l[k] }
      }
    }
  }
}
