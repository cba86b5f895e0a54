import Torch

/// A field on clouds of alike points: moved, turned, mirrored or renumbered points get values that are moved not at
/// all, turned, mirrored or renumbered alike.
///
/// Rounds of messages between all pairs, made of distances alone, move every point along the lines to the others
/// (Satorras, Hoogeboom & Welling 2021). The values of a cloud sum to 0. Cost: pairs × width² a row and round.
public final class EquivariantNetwork: Module, FieldNetwork {
  let embedding: Linear
  let rounds: [MessageRound]

  public let points: Int
  public let dimensions: Int

  /// - Parameters:
  ///   - shape: points and dimensions; a row is the points' coordinates one after another.
  ///   - context: features that all points of a row share.
  ///   - depth: rounds.
  public init(shape: [Int], context: Int, width: Int, depth: Int, using random: inout RandomSource) {
    precondition(shape.count == 2 && shape[0] >= 2, "EquivariantNetwork: \(shape) is not points, dimensions")
    (points, dimensions) = (shape[0], shape[1])
    embedding = Linear(context, width, using: &random)
    rounds = (0..<depth).map { _ in MessageRound(width: width, using: &random) }
  }

  public func callAsFunction(_ x: Tensor, context: Tensor) -> Tensor {
    let start = x.reshape(x.size(0), points, dimensions)
    let shared = embedding(context).silu()
    // A context of all rows is one of every row, so that rounds see one shape.
    let own = shared.rank == 1 ? shared.reshape(1, 1, -1) : shared.unsqueeze(1)
    var features = own.expand([x.size(0), points, own.size(2)])
    var place = start
    for round in rounds { (place, features) = round(place, features) }
    let moved = place - start
    return (moved - moved.mean(1, keep: true)).flatten(1)
  }
}

/// One round of messages.
final class MessageRound: Module {
  // The first layer of the messages, by parts: what receiver, sender and distance contribute.
  let receiver: Linear
  let sender: Linear
  let distance: Linear
  let message: Linear
  let pull: Linear
  let update: MLP

  init(width: Int, using random: inout RandomSource) {
    receiver = Linear(width, width, using: &random)
    sender = Linear(width, width, bias: false, using: &random)
    distance = Linear(Self.bumps + 2, width, bias: false, using: &random)
    message = Linear(width, width, using: &random)
    pull = Linear(width, 1, using: &random)
    update = MLP([2 * width, width, width], using: &random)
  }

  private static let bumps = 16
  private static let reach = 3.0

  /// Of distances `[…, 1]`: bumps that resolve contact, and the distance itself for what is far.
  private func features(_ r: Tensor) -> Tensor {
    let spacing = Self.reach / Double(Self.bumps - 1)
    let centres = Tensor.range(to: Double(Self.bumps), dtype: r.dtype, device: r.device) * spacing
    let bumps = ((r - centres).square() * (-0.5 / (spacing * spacing))).exp()
    return .concatenate([bumps, r, 1 / (r + 0.1)], axis: -1)
  }

  func callAsFunction(_ place: Tensor, _ features: Tensor) -> (Tensor, Tensor) {
    let points = place.size(1)
    let differences = place.unsqueeze(2) - place.unsqueeze(1)
    // The root has no slope at 0, where a point meets itself; its message is left out below.
    let r = (differences.square().sum(3, keep: true) + 1e-6).sqrt()
    let others = (1 - Tensor.identity(points, dtype: place.dtype, device: place.device)).unsqueeze(2)
    let first = receiver(features).unsqueeze(2) + sender(features).unsqueeze(1) + distance(self.features(r))
    let messages = message(first.silu()).silu() * others
    let share = 1 / Double(points - 1)
    let moved = place + (differences / (r + 1) * pull(messages) * others).sum(2) * share
    let heard = messages.sum(2) * share
    return (moved, features + update(.concatenate([features, heard], axis: -1)))
  }
}
