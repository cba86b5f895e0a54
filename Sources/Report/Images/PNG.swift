import CPNG
import Foundation

/// Why a PNG could not be written or read.
public enum PNGError: Error, Equatable, CustomStringConvertible {
  /// libpng refused, in its own words.
  case encoding(String)
  /// The bytes are no readable PNG, in libpng's words.
  case decoding(String)
  /// The header promises more pixels than the caller allows.
  case tooLarge(width: Int, height: Int, limit: Int)

  public var description: String {
    switch self {
    case .encoding(let reason): "cannot write PNG: \(reason)"
    case .decoding(let reason): "cannot read PNG: \(reason)"
    case .tooLarge(let width, let height, let limit):
      "PNG of \(width)×\(height) pixels, expected at most \(limit) pixels"
    }
  }
}

// libpng's full interface reports errors by longjmp, which must not cross Swift frames. Its "simplified"
// interface returns them, and covers 8-bit pictures.

extension Image {
  /// The picture as a PNG file, losslessly.
  ///
  /// - Throws: `PNGError.encoding`.
  public func png() throws(PNGError) -> Data {
    let outcome = withControl { control -> Result<Data, PNGError> in
      control.pointee.width = UInt32(clamping: width)
      control.pointee.height = UInt32(clamping: height)
      control.pointee.format = format.code
      // Above the worst case of deflate, so that a second attempt is only a precaution.
      var capacity = samples.count + samples.count / 8 + height + 4096
      for _ in 0..<2 {
        var data = Data(count: capacity)
        var length = capacity
        let isWritten = data.withUnsafeMutableBytes { target in
          samples.withUnsafeBytes { source in
            png_image_write_to_memory(
              control, target.baseAddress, &length, 0, source.baseAddress, 0, nil)
          }
        }
        if isWritten != 0 { return .success(data.prefix(length)) }
        guard length > capacity else { break }
        capacity = length
      }
      return .failure(.encoding(message(of: control)))
    }
    return try outcome.get()
  }

  /// Reads a PNG of any kind into 8 bits: grey stays grey, palettes become colour, and a picture with
  /// transparency becomes `rgba`.
  ///
  /// - Parameters:
  ///   - pixelLimit: the most pixels to accept, checked before memory is taken. Default 2²⁶, an 8192 × 8192
  ///     picture.
  /// - Throws: `PNGError.decoding` and `PNGError.tooLarge`.
  public init(png data: Data, pixelLimit: Int = 1 << 26) throws(PNGError) {
    let outcome = withControl { control -> Result<Image, PNGError> in
      data.withUnsafeBytes { bytes in
        guard png_image_begin_read_from_memory(control, bytes.baseAddress, bytes.count) != 0 else {
          return .failure(.decoding(message(of: control)))
        }
        let width = Int(control.pointee.width)
        let height = Int(control.pointee.height)
        guard width * height <= pixelLimit else {
          return .failure(.tooLarge(width: width, height: height, limit: pixelLimit))
        }
        let hasAlpha = control.pointee.format & UInt32(PNG_FORMAT_FLAG_ALPHA) != 0
        let hasColor = control.pointee.format & UInt32(PNG_FORMAT_FLAG_COLOR) != 0
        let format: Format = hasAlpha ? .rgba : hasColor ? .rgb : .grey
        control.pointee.format = format.code
        var samples = [UInt8](repeating: 0, count: width * height * format.channels)
        let isRead = samples.withUnsafeMutableBytes { target in
          png_image_finish_read(control, nil, target.baseAddress, 0, nil)
        }
        // Warnings pass: they are about colour profiles and other matters beside the samples.
        guard isRead != 0 else {
          return .failure(.decoding(message(of: control)))
        }
        return .success(Image(width: width, height: height, format: format, samples: samples))
      }
    }
    self = try outcome.get()
  }
}

extension Image.Format {
  /// The layout in libpng's terms.
  fileprivate var code: UInt32 {
    let color = UInt32(PNG_FORMAT_FLAG_COLOR)
    return switch self {
    case .grey: 0
    case .rgb: color
    case .rgba: color | UInt32(PNG_FORMAT_FLAG_ALPHA)
    }
  }
}

/// Runs `body` with a fresh control structure at a fixed address, which libpng keeps between its calls.
private func withControl<Value>(_ body: (UnsafeMutablePointer<png_image>) -> Value) -> Value {
  let control = UnsafeMutablePointer<png_image>.allocate(capacity: 1)
  control.initialize(to: png_image())
  control.pointee.version = UInt32(PNG_IMAGE_VERSION)
  defer {
    png_image_free(control)
    control.deinitialize(count: 1)
    control.deallocate()
  }
  return body(control)
}

private func message(of control: UnsafeMutablePointer<png_image>) -> String {
  withUnsafeBytes(of: &control.pointee.message) { bytes in
    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
}
