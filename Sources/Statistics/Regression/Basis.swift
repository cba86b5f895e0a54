import Torch

/// Functions of the columns that a linear model is linear in; the first is 1.
public enum Basis: Sendable, Hashable {
  /// 0 alone: the function is held at 0.
  case none
  /// 1.
  case intercept
  /// 1 and the columns.
  case linear
  /// 1 and all products of up to so many columns.
  case polynomial(Int)
  /// 1, the columns and the parts above so many inner knots of each, at its quantiles.
  case spline(Int)

  /// A basis made on some rows, for others.
  public struct Fitted: Sendable {
    let basis: Basis
    private let scale: ColumnScale
    private var knots: [[Double]] = []
    /// Functions that are not determined by those before them.
    private var kept: Tensor?

    init(_ basis: Basis, _ design: Tensor) {
      self.basis = basis
      scale = ColumnScale(design)
      if case .spline(let count) = basis { knots = Self.knots(count, scale(design)) }
      switch basis {
      case .none, .intercept: break
      default:
        // Squares of columns of 0 and 1, say, are those columns.
        let all = functions(design)
        let determined = Set(collinearColumns(all.slice(axis: 1, start: 1)).map { $0 + 1 })
        if !determined.isEmpty { kept = Tensor((0..<all.size(1)).filter { !determined.contains($0) }) }
      }
    }

    private static func knots(_ count: Int, _ scaled: Tensor) -> [[Double]] {
      let n = scaled.size(0)
      let z = scaled.transposed.contiguous().doubles
      return (0..<scaled.size(1)).map { column in
        let sorted = z[column * n..<(column + 1) * n].sorted()
        let all = (1...count).map { sorted[min(n - 1, $0 * n / (count + 1))] }
        // Columns of few values have fewer knots.
        return all.enumerated().filter { $0.offset == 0 || all[$0.offset - 1] < $0.element }.map(\.element)
          .filter { $0 < sorted[n - 1] }
      }
    }

    /// `[rows, functions]`, of columns brought to mean 0 and deviation 1.
    public func callAsFunction(_ design: Tensor) -> Tensor {
      let all = functions(design)
      return kept.map { all.select(axis: 1, $0) } ?? all
    }

    private func functions(_ design: Tensor) -> Tensor {
      let n = design.size(0)
      let one = Tensor.full([n, 1], 1, dtype: .double)
      switch basis {
      case .none: return .zeros([n, 0], dtype: .double)
      case .intercept: return one
      case .linear: return .concatenate([one, scale(design)], axis: 1)
      case .polynomial(let degree):
        let z = scale(design)
        let columns = z.size(1)
        // Products of degree d + 1 from those of degree d, each of columns in rising order.
        var level: [(last: Int, values: Tensor)] = (0..<columns).map {
          ($0, z.slice(axis: 1, start: $0, end: $0 + 1))
        }
        var parts = [one] + level.map(\.values)
        for _ in 1..<max(1, degree) {
          level = level.flatMap { last, values in
            (last..<columns).map { ($0, values * z.slice(axis: 1, start: $0, end: $0 + 1)) }
          }
          parts += level.map(\.values)
        }
        return .concatenate(parts, axis: 1)
      case .spline:
        let z = scale(design)
        var parts = [one, z]
        for (column, knots) in knots.enumerated() {
          let own = z.slice(axis: 1, start: column, end: column + 1)
          parts += knots.map { (own - $0).clamp(0, .greatestFiniteMagnitude) }
        }
        return .concatenate(parts, axis: 1)
      }
    }
  }

  public func fitted(_ design: Tensor) -> Fitted { Fitted(self, design) }
}
