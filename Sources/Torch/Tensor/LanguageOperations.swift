import CTorch

// What transformers for text are made of besides the common layers, with closed derivatives.
extension Tensor {
  /// The pairs (x_i, x_{i + n}) of the last axis turned by angles (rotary positions, Su et al. 2021).
  ///
  /// - Parameter cosines: of the n angles, broadcast against the first n numbers of the last axis, like the sines; of
  ///   the tensor's type. What follows the first 2 n numbers stays as it is.
  public func rotated(cosines: Tensor, sines: Tensor) -> Tensor {
    ternary("rotated", cosines, sines, ct_rotate)
  }

  /// x Wᵀ + b as ``linear(weight:bias:)``; one or two rows on the processor, where nothing records, by a loop that reads
  /// the weights as fast as memory gives them.
  ///
  /// - Parameter weight: `[out, in]`.
  public func rowLinear(weight: Tensor, bias: Tensor? = nil) -> Tensor {
    if isRecordingGradient { return linear(weight: weight, bias: bias) }
    return withExtendedLifetime(bias) {
      binary("linear", weight) { ct_row_linear($0, $1, bias.pointer) }
    }
  }

  /// silu(a)·b of the halves [a, b] of the last axis (Shazeer 2020).
  public func gatedSiLU() -> Tensor { unary("gatedSiLU", ct_gated_silu) }

  /// log softmax(h Wᵀ)[target] of every row, `[n]` in `Float`.
  ///
  /// Logits are there for some rows at a time only, and are found again for the derivative.
  /// - Parameters:
  ///   - hidden: h, `[n, width]`.
  ///   - table: W, `[entries, width]`.
  ///   - targets: `[n]` whole numbers.
  public static func tokenLogProbabilities(hidden: Tensor, table: Tensor, targets: Tensor) -> Tensor {
    let piece = rowsOfLogits(table)
    return hidden.ternary("tokenLogProbabilities", table, targets) {
      ct_token_log_probabilities($0, $1, $2, piece)
    }
  }

  /// Σ w log softmax(h Wᵀ)[target], a `Float`, for weights `[n]` that do not depend on h and W.
  ///
  /// Since the weights are known, the derivative is taken while the logits of a few rows are there: one matrix product
  /// less than through ``tokenLogProbabilities(hidden:table:targets:)``.
  public static func weightedLogLikelihood(
    hidden: Tensor, table: Tensor, targets: Tensor, weights: Tensor
  ) -> Tensor {
    let piece = rowsOfLogits(table)
    return withExtendedLifetime(weights) {
      hidden.ternary("weightedLogLikelihood", table, targets) {
        ct_weighted_log_likelihood($0, $1, $2, weights.handle.pointer, piece)
      }
    }
  }

  /// About four million logits at a time: large enough for matrix products, small beside the model.
  private static func rowsOfLogits(_ table: Tensor) -> Int64 {
    Int64(Swift.max(16, (1 << 22) / Swift.max(1, table.size(0))))
  }
}
