import CTorch

/// Where a tensor lives and its operations run.
public struct Device: Sendable, Hashable, CustomStringConvertible {
  let type: Int32
  let index: Int32

  /// The processor.
  public static let cpu = Device(type: 0, index: 0)

  /// The CUDA device with the given index; usable when ``isCUDAAvailable``.
  public static func cuda(_ index: Int = 0) -> Device { Device(type: 1, index: Int32(index)) }

  /// Whether the libtorch in use can run on a CUDA device of this machine.
  public static var isCUDAAvailable: Bool { ct_cuda_available() }

  public var description: String { type == 0 ? "cpu" : "cuda:\(index)" }

  /// Reads `cpu`, `cuda` or `cuda:1`.
  public init?(_ name: String) {
    if name == "cpu" {
      self = .cpu
    } else if name == "cuda" {
      self = .cuda(0)
    } else if name.hasPrefix("cuda:"), let index = Int(name.dropFirst(5)), (0..<64).contains(index) {
      self = .cuda(index)
    } else {
      return nil
    }
  }

  init(type: Int32, index: Int32) {
    self.type = type
    self.index = max(index, 0)
  }
}

/// The libtorch that the program runs on.
public enum Libtorch {
  /// Its version, such as `2.13.0`.
  public static var version: String { String(cString: ct_version()) }

  /// The instruction set its kernels chose, such as `AVX512`.
  public static var processorCapability: String { String(cString: ct_cpu_capability()) }

  /// Threads an operation may use; settable before work starts, at least 1.
  public static var threads: Int {
    get { Int(ct_threads()) }
    set { ct_set_threads(Int32(newValue)) }
  }
}
