import ArgumentParser
import Foundation
import Likely

/// Rows drawn as images, on the command line.
struct PictureArguments: ParsableArguments {
  @Option(help: ArgumentHelp("Also draw the first rows as images into this PNG.", valueName: "file.png"))
  var picture: String?

  @Option(help: ArgumentHelp("Height×width of a row for --picture; square when left out.", valueName: "h×w"))
  var pictureShape: String?

  /// The size of a row's image; `nil` where no picture is asked for.
  func size(dimension: Int) throws -> (height: Int, width: Int)? {
    guard picture != nil else { return nil }
    let shape: (height: Int, width: Int)
    if let pictureShape {
      let parts = pictureShape.split { "x×X".contains($0) }.compactMap { Int($0) }
      guard parts.count == 2 else {
        throw UsageError("--picture-shape \(pictureShape): height×width is expected")
      }
      shape = (parts[0], parts[1])
    } else {
      let side = Int(Double(dimension).squareRoot().rounded())
      shape = (side, side)
    }
    guard shape.0 * shape.1 == dimension else {
      throw UsageError(
        "--picture: rows of \(dimension) columns are no images of \(shape.0)×\(shape.1); give --picture-shape"
      )
    }
    return shape
  }

  /// - Parameter suffix: a noise level that joins the file's name.
  func draw(_ points: Tensor, _ size: (height: Int, width: Int), columns: Int, suffix: Double? = nil) throws {
    guard let picture else { return }
    let path = suffix.map { numbered(picture, $0) } ?? picture
    let grid = imageGrid(points, height: size.height, width: size.width, columns: columns)
    try writeAtomically(try grid.image().png(), to: URL(argument: path))
    print("picture written to \(path)")
  }
}

/// `s.csv` as `s-eps0.5.csv`.
func numbered(_ path: String, _ level: Double) -> String {
  let url = URL(argument: path)
  let name = "\(url.deletingPathExtension().lastPathComponent)-eps\(level).\(url.pathExtension)"
  return path.contains("/") ? url.deletingLastPathComponent().appending(path: name).path : name
}
