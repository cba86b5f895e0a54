/// A picture of 8-bit samples, row by row from the top, each pixel's channels together.
public struct Image: Sendable, Equatable {
  /// What a pixel holds.
  public enum Format: Int, Sendable, CaseIterable {
    case grey = 1
    case rgb = 3
    /// Colour with an opacity that is not premultiplied.
    case rgba = 4

    /// Samples in a pixel.
    public var channels: Int { rawValue }
  }

  public let width: Int
  public let height: Int
  public let format: Format
  /// `height × width × channels` samples, 0 is black (or transparent) and 255 white (or opaque).
  public let samples: [UInt8]

  /// A picture from its samples.
  ///
  /// - Precondition: width and height are at least 1, and there are exactly as many samples as they need.
  public init(width: Int, height: Int, format: Format, samples: [UInt8]) {
    precondition(width >= 1 && height >= 1, "Image: \(width)×\(height), expected at least 1×1")
    precondition(
      samples.count == width * height * format.channels,
      "Image: \(samples.count) samples for \(width)×\(height) \(format), expected "
        + "\(width * height * format.channels)")
    self.width = width
    self.height = height
    self.format = format
    self.samples = samples
  }

  /// A picture from real numbers, `range` mapped linearly to 0...255, values beyond it clipped and NaN black.
  ///
  /// - Parameters:
  ///   - values: `height × width × channels` numbers.
  ///   - range: what is black and what is white.
  public init(
    width: Int, height: Int, format: Format = .grey, values: [Float], range: ClosedRange<Float> = 0...1
  ) {
    let span = max(range.upperBound - range.lowerBound, .leastNormalMagnitude)
    let samples = values.map { value -> UInt8 in
      let level = (value - range.lowerBound) / span
      return level.isNaN ? 0 : UInt8((min(max(level, 0), 1) * 255).rounded())
    }
    self.init(width: width, height: height, format: format, samples: samples)
  }

  /// The same picture in a format with at least as much information.
  ///
  /// - Precondition: no channel would be lost.
  public func converted(to target: Format) -> Image {
    if target == format { return self }
    precondition(target.channels > format.channels, "Image: cannot turn \(format) into \(target)")
    var result: [UInt8] = []
    result.reserveCapacity(width * height * target.channels)
    for pixel in 0..<width * height {
      let start = pixel * format.channels
      let color =
        format == .grey ? Array(repeating: samples[start], count: 3) : Array(samples[start..<start + 3])
      result += color
      if target == .rgba { result.append(255) }
    }
    return Image(width: width, height: height, format: target, samples: result)
  }

  /// The picture with every pixel as a square of `factor` × `factor`, which keeps small pictures sharp.
  public func scaledUp(by factor: Int) -> Image {
    precondition(factor >= 1, "Image: scaled up by \(factor), expected at least 1")
    if factor == 1 { return self }
    let channels = format.channels
    var result: [UInt8] = []
    result.reserveCapacity(samples.count * factor * factor)
    for row in 0..<height {
      var line: [UInt8] = []
      line.reserveCapacity(width * factor * channels)
      for column in 0..<width {
        let start = (row * width + column) * channels
        for _ in 0..<factor { line += samples[start..<start + channels] }
      }
      for _ in 0..<factor { result += line }
    }
    return Image(width: width * factor, height: height * factor, format: format, samples: result)
  }
}
