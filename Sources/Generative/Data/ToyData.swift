import Foundation
import Torch

/// Two-dimensional laws that need no file.
public enum ToyData: String, Sendable, CaseIterable {
  /// Uniform on the eight black squares of side 2 in [−4, 4]²; its density there is 1/32.
  case checkerboard
  /// Two interleaved half circles of radius 1 with noise of deviation 0.08.
  case moons
  /// Eight normals of deviation 0.3 on a circle of radius 4.
  case ring

  /// `[count, 2]` in float.
  public func sample(_ count: Int, using random: inout RandomSource) -> Tensor {
    switch self {
    case .checkerboard:
      let x1 = random.uniform([count]) * 4 - 2
      let x2 =
        random.uniform([count]) - random.integers([count], in: 0..<2).to(.float) * 2 + x1.floor().remainder(2)
      return Tensor.stack([x1, x2], axis: 1) * 2
    case .moons:
      let angle = random.uniform([count]) * Double.pi
      let lower = random.integers([count], in: 0..<2).to(.float)
      let sign = 1 - 2 * lower
      let x = sign * angle.cos() + lower
      let y = sign * angle.sin() + lower * 0.5
      return Tensor.stack([x, y], axis: 1).adding(random.normal([count, 2]), scaledBy: 0.08)
    case .ring:
      let angle = random.integers([count], in: 0..<8).to(.float) * (Double.pi / 4)
      return (Tensor.stack([angle.cos(), angle.sin()], axis: 1) * 4).adding(
        random.normal([count, 2]), scaledBy: 0.3)
    }
  }

  /// Whether points `[n, 2]` lie on a black square of the checkerboard.
  public static func isOnCheckerboard(_ x: Tensor) -> Tensor {
    let squares = (x / 2).floor()
    let isBlack = squares.sum(-1).remainder(2) .== 0
    return isBlack .& (x.abs().max(-1) .<= 4)
  }
}
