import Torch

/// Diffusion models of one noise schedule whose densities are combined, evaluated together.
public protocol Experts: Sendable {
  var count: Int { get }
  /// The shape of one draw.
  var eventShape: [Int] { get }
  var dtype: DType { get }
  var device: Device { get }
  /// Rows moved into the space that all draws lie in; see ``Denoiser/projected(_:)``.
  func projected(_ x: Tensor) -> Tensor
  /// That space's dimension.
  var freedom: Int { get }
  /// ∇ log qᵢ of every expert, `[experts, n] + event`.
  func scores(_ x: Tensor, at level: DiffusionLevel) -> Tensor
  /// log qᵢ of every expert, `[experts, n]`; `nil` where not all know it.
  func logDensities(_ x: Tensor, at level: DiffusionLevel) -> Tensor?
}

extension Experts {
  public func projected(_ x: Tensor) -> Tensor { x }
  public var freedom: Int { eventShape.reduce(1, *) }
  public func logDensities(_ x: Tensor, at level: DiffusionLevel) -> Tensor? { nil }
}

/// Experts that are models of their own.
public struct ExpertList: Experts {
  public let models: [any Denoiser]

  /// - Throws: ``CorrectorError/shapes(_:_:)`` where the models are not over the same space.
  public init(_ models: [any Denoiser]) throws(CorrectorError) {
    precondition(!models.isEmpty, "ExpertList: no models")
    for model in models where model.eventShape != models[0].eventShape || model.freedom != models[0].freedom {
      throw .shapes(models[0].eventShape, model.eventShape)
    }
    self.models = models
  }

  public var count: Int { models.count }
  public var eventShape: [Int] { models[0].eventShape }
  public func projected(_ x: Tensor) -> Tensor { models[0].projected(x) }
  public var freedom: Int { models[0].freedom }
  public var dtype: DType { models[0].dtype }
  public var device: Device { models[0].device }

  public func scores(_ x: Tensor, at level: DiffusionLevel) -> Tensor {
    .stack(models.map { level.score(x, denoised: $0.denoised(x, at: level)) })
  }

  public func logDensities(_ x: Tensor, at level: DiffusionLevel) -> Tensor? {
    let known = models.compactMap { $0 as? any DensityDenoiser }
    guard known.count == models.count else { return nil }
    return .stack(known.map { $0.logDensity(x, at: level).to(.double) })
  }
}
