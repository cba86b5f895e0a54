import Foundation
import Testing

import Report

@Suite("Images")
struct ImageTests {
  /// A picture whose samples take every value.
  static func picture(_ width: Int, _ height: Int, _ format: Image.Format) -> Image {
    let count = width * height * format.channels
    return Image(
      width: width, height: height, format: format,
      samples: (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 7) })
  }

  @Test(
    "PNG keeps every sample", arguments: Image.Format.allCases,
    [(1, 1), (1, 7), (8, 8), (257, 3), (300, 200)])
  func roundTrip(format: Image.Format, size: (Int, Int)) throws {
    let picture = Self.picture(size.0, size.1, format)
    let data = try picture.png()
    #expect(data.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]))
    #expect(try Image(png: data) == picture)
    #expect(try picture.png() == data)
  }

  @Test("every grey level survives")
  func levels() throws {
    let ramp = Image(width: 256, height: 1, format: .grey, samples: Array(0...255))
    #expect(try Image(png: ramp.png()).samples == Array(0...255))
  }

  // Written by Python's zlib and struct, chunk by chunk.
  @Test("PNG kinds that we do not write are converted: palette to colour, grey with opacity to rgba")
  func otherKinds() throws {
    let palette =
      "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABAQMAAADO7O3JAAAABlBMVEX/AAAAAP9sof2OAAAACklEQVR4nGNwAAAAQgBB"
    let paletteImage = try Image(png: #require(Data(base64Encoded: palette + "KTf07wAAAABJRU5ErkJggg==")))
    #expect(paletteImage == Image(width: 2, height: 1, format: .rgb, samples: [255, 0, 0, 0, 0, 255]))
    let grey =
      "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAQAAABeK7cBAAAADUlEQVR4nGPg+i/SAAAD0gGeuMc55gAAAABJRU5ErkJggg=="
    let greyImage = try Image(png: #require(Data(base64Encoded: grey)))
    #expect(
      greyImage == Image(width: 2, height: 1, format: .rgba, samples: [10, 10, 10, 255, 20, 20, 20, 128]))
  }

  @Test("a header that promises 2³¹ − 1 rows and columns is refused")
  func enormous() throws {
    let header = "iVBORw0KGgoAAAANSUhEUn////9/////CAIAAACbq5wxAAAAAElEQVQ1rwYe"
    let data = try #require(Data(base64Encoded: header))
    #expect(throws: PNGError.self) { try Image(png: data) }
  }

  @Test("every truncation and every kind of rubbish is an error, not a picture")
  func damage() throws {
    let data = try Self.picture(20, 20, .rgb).png()
    for length in stride(from: 0, to: data.count - 16, by: 7) {
      #expect(throws: PNGError.self) { try Image(png: data.prefix(length)) }
    }
    #expect(throws: PNGError.self) { try Image(png: Data("not a picture".utf8)) }
    var flipped = data
    flipped[data.count / 2] ^= 0xFF
    #expect(throws: PNGError.self) { try Image(png: flipped) }
  }

  @Test("a picture beyond the limit is refused before it is read")
  func tooLarge() throws {
    let data = try Self.picture(20, 10, .grey).png()
    #expect(throws: PNGError.tooLarge(width: 20, height: 10, limit: 199)) {
      try Image(png: data, pixelLimit: 199)
    }
    #expect(try Image(png: data, pixelLimit: 200).width == 20)
  }

  @Test("real numbers are mapped, clipped and rounded")
  func values() {
    let image = Image(width: 6, height: 1, values: [-1, -2, 0, 1, 5, .nan], range: -1...1)
    #expect(image.samples == [0, 0, 128, 255, 255, 0])
  }

  @Test("scaling up repeats pixels")
  func scaling() {
    let image = Image(width: 2, height: 1, format: .rgb, samples: [1, 2, 3, 4, 5, 6]).scaledUp(by: 2)
    let row: [UInt8] = [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6]
    #expect(image == Image(width: 4, height: 2, format: .rgb, samples: row + row))
  }

  @Test("a grid places pictures row by row with padding")
  func grid() {
    let dot = { (level: UInt8) in Image(width: 1, height: 1, format: .grey, samples: [level]) }
    let sheet = ImageGrid([dot(1), dot(2), dot(3)], columns: 2, padding: 1, background: 9).image()
    #expect(
      sheet
        == Image(
          width: 5, height: 5, format: .grey,
          samples: [
            9, 9, 9, 9, 9,
            9, 1, 9, 2, 9,
            9, 9, 9, 9, 9,
            9, 3, 9, 9, 9,
            9, 9, 9, 9, 9,
          ]))
  }

  @Test("a grid of mixed pictures takes the richest format and the largest cell")
  func mixedGrid() {
    let grey = Image(width: 1, height: 1, format: .grey, samples: [7])
    let color = Image(width: 2, height: 1, format: .rgba, samples: [1, 2, 3, 4, 5, 6, 7, 8])
    let sheet = ImageGrid([grey, color], columns: 5, padding: 0, background: 0).image()
    #expect(
      sheet
        == Image(
          width: 4, height: 1, format: .rgba,
          samples: [7, 7, 7, 255, 0, 0, 0, 255, 1, 2, 3, 4, 5, 6, 7, 8]))
  }
}
