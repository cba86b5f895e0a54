/// Many small pictures on one sheet, row by row.
public struct ImageGrid: Sendable, Equatable {
  public var images: [Image]
  /// Pictures in a row.
  public var columns: Int
  /// Every pixel becomes a square of this many pixels; small pictures need it to be seen.
  public var scale: Int
  /// Pixels between the pictures and around the sheet.
  public var padding: Int
  /// The grey level of the padding.
  public var background: UInt8

  /// - Parameters:
  ///   - images: one or more, in any mix of sizes and formats; smaller ones sit in the upper left of their cell.
  public init(_ images: [Image], columns: Int, scale: Int = 1, padding: Int = 2, background: UInt8 = 128) {
    precondition(!images.isEmpty, "ImageGrid: no images")
    precondition(
      columns >= 1 && scale >= 1 && padding >= 0, "ImageGrid: columns, scale or padding out of range")
    self.images = images
    self.columns = columns
    self.scale = scale
    self.padding = padding
    self.background = background
  }

  /// The sheet, in the richest format among its pictures.
  public func image() -> Image {
    let format = images.map(\.format).max { $0.channels < $1.channels } ?? .grey
    let channels = format.channels
    let cellWidth = images.map { $0.width }.max()! * scale
    let cellHeight = images.map { $0.height }.max()! * scale
    let columns = min(columns, images.count)
    let rows = (images.count + columns - 1) / columns
    let width = columns * (cellWidth + padding) + padding
    let height = rows * (cellHeight + padding) + padding
    var samples = [UInt8](repeating: background, count: width * height * channels)
    if format == .rgba {
      for alpha in stride(from: 3, to: samples.count, by: 4) { samples[alpha] = 255 }
    }
    for (index, image) in images.enumerated() {
      let cell = image.converted(to: format).scaledUp(by: scale)
      let left = padding + (index % columns) * (cellWidth + padding)
      let top = padding + (index / columns) * (cellHeight + padding)
      let length = cell.width * channels
      for row in 0..<cell.height {
        let target = ((top + row) * width + left) * channels
        samples.replaceSubrange(
          target..<target + length, with: cell.samples[row * length..<(row + 1) * length])
      }
    }
    return Image(width: width, height: height, format: format, samples: samples)
  }
}
