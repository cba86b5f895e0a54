import Torch

/// A network for one field: points `[n, d]` and a context that all rows share `[k]` or not `[n, k]`.
public protocol FieldNetwork: Module {
  func callAsFunction(_ x: Tensor, context: Tensor) -> Tensor
  /// The output and its exact divergence in x.
  func valueAndDivergence(_ x: Tensor, context: Tensor) -> FieldWithDivergence
}

extension FieldNetwork {
  public func valueAndDivergence(_ x: Tensor, context: Tensor) -> FieldWithDivergence {
    exactDivergence(of: { self($0, context: context) }, at: x)
  }
}

extension MLP: FieldNetwork {}
extension UNet: FieldNetwork {}

/// The shape of the networks.
public struct NetworkOptions: Sendable, Hashable, Codable {
  public enum Architecture: String, Sendable, Codable, CaseIterable {
    case mlp, unet
    /// Of clouds of alike points.
    case equivariant
  }
  public var architecture: Architecture = .mlp
  /// Units of a hidden layer (MLP), or channels of the finest level (U-Net).
  public var width = 256
  /// Hidden layers.
  public var depth = 4
  public var activation = Activation.silu
  public var timeEmbedding = TimeEmbedding.interpolant
  /// Channels, height, width, for the U-Net; the product is the dimension.
  public var imageShape: [Int]?
  /// Points, dimensions, for the equivariant network; the product is the dimension.
  public var pointShape: [Int]?

  public init(
    architecture: Architecture = .mlp, width: Int = 256, depth: Int = 4, activation: Activation = .silu,
    timeEmbedding: TimeEmbedding = .interpolant, imageShape: [Int]? = nil, pointShape: [Int]? = nil
  ) {
    self.architecture = architecture
    self.width = width
    self.depth = depth
    self.activation = activation
    self.timeEmbedding = timeEmbedding
    self.imageShape = imageShape
    self.pointShape = pointShape
  }
}

extension NetworkOptions {
  /// A network of this shape.
  /// - Parameters:
  ///   - context: features of time and condition.
  ///   - outputs: as many as inputs, or 1.
  func network(inputs: Int, context: Int, outputs: Int, using random: inout RandomSource) -> any FieldNetwork
  {
    switch architecture {
    case .mlp:
      let hidden = [Int](repeating: width, count: depth)
      return MLP([inputs + context] + hidden + [outputs], activation: activation, using: &random)
    case .unet:
      guard let imageShape, imageShape.count == 3 else { preconditionFailure("a U-Net needs an image shape") }
      return UNet(shape: imageShape, context: context, width: width, outputs: outputs, using: &random)
    case .equivariant:
      guard let pointShape, outputs == inputs else { preconditionFailure("points need a shape") }
      return EquivariantNetwork(
        shape: pointShape, context: context, width: width, depth: depth, using: &random)
    }
  }
}
