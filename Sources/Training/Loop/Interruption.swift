import Dispatch
import Foundation
import Synchronization

/// Turns Ctrl-C and SIGTERM into a request that long work honours between two steps.
///
/// A second Ctrl-C ends the program at once.
public final class Interruption: @unchecked Sendable {
  private let requested = Atomic<Bool>(false)
  // Only kept alive; written in `init` alone.
  private var sources: [any DispatchSourceSignal] = []

  /// Starts listening; only for a program's own main command.
  public init(listening: Bool = true) {
    guard listening else { return }
    for number in [SIGINT, SIGTERM] {
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { [weak self] in
        guard let self else { return }
        if self.requested.exchange(true, ordering: .relaxed) { _exit(130) }
      }
      source.resume()
      sources.append(source)
    }
  }

  /// Whether to stop after the present step.
  public var isRequested: Bool { requested.load(ordering: .relaxed) }

  /// Asks for the stop from inside the program.
  public func request() { requested.store(true, ordering: .relaxed) }
}
