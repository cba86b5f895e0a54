import Report
import Torch
import Training

/// Rows as grey images, dark to light over the middle 98 % of the rows' values.
public func imageGrid(_ points: Tensor, height: Int, width: Int, columns: Int, limit: Int = 100) -> ImageGrid
{
  let shown = points[0..<min(limit, points.size(0))]
  let values = shown.floats
  // Without the outermost values, of which a single one would take the contrast from all the others.
  let sorted = values.sorted()
  let (low, high) = (sorted[sorted.count / 100], sorted[sorted.count - 1 - sorted.count / 100])
  let range = low...max(high, low + 1e-6)
  let size = height * width
  let images = (0..<shown.size(0)).map { i in
    Image(
      width: width, height: height, format: .grey, values: Array(values[i * size..<(i + 1) * size]),
      range: range)
  }
  return ImageGrid(images, columns: columns, scale: 4)
}

/// Losses of a run by step; `nil` where there are fewer than two.
func lossPlot(_ run: RunFolder, caption: String) -> Plot? {
  let metrics = MetricsLog.read(run.metrics)
  let losses = metrics.filter { $0["loss"] != nil }
  guard losses.count > 1 else { return nil }
  var marks: [Mark] = [
    .line(x: losses.map { $0["step"] ?? .nan }, y: losses.map { $0["loss"] ?? .nan }, series: "training")
  ]
  let validations = metrics.filter { $0["validation"] != nil }
  if !validations.isEmpty {
    marks.append(
      .line(
        x: validations.map { $0["step"] ?? .nan }, y: validations.map { $0["validation"] ?? .nan },
        series: "validation"))
  }
  return Plot(
    "Loss", caption: caption, x: "step",
    y: "loss",
    marks: marks)
}

/// Samples beside data: pictures, or scatter plots of columns and their marginals.
/// - Parameter classes: of a class-conditional model, whose rows come class by class; 0 without.
func comparisonItems(_ rows: Tensor, _ samples: Tensor, columns: [String], imageShape: [Int]?, classes: Int)
  -> [ReportItem]
{
  var items: [ReportItem] = []
  let d = columns.count
  if let imageShape, imageShape[0] == 1 {
    let across = classes == 0 ? 10 : min(10, classes)
    items.append(
      .image(
        imageGrid(rows, height: imageShape[1], width: imageShape[2], columns: across).image(), caption: "Data"
      ))
    items.append(
      .image(
        imageGrid(samples, height: imageShape[1], width: imageShape[2], columns: across).image(),
        caption: "Samples")
    )
    return items
  }
  if d >= 2 {
    let pairs = d == 2 ? [(0, 1)] : d == 3 ? [(0, 1), (0, 2), (1, 2)] : [(0, 1), (2, 3)]
    let plots = pairs.flatMap { i, j -> [Plot] in
      [("data", rows), ("samples", samples)].map { name, points in
        Plot(
          name, x: Axis(columns[i], domain: domain(rows, samples, i)),
          y: Axis(columns[j], domain: domain(rows, samples, j)),
          marks: [.points(x: points[.all, i].doubles, y: points[.all, j].doubles)]
        ).sized(width: 300, height: 300)
      }
    }
    items.append(.plot(.grid(plots, columns: 2), name: "pairs"))
  }
  let marginals = (0..<min(d, 6)).map { i in
    Plot(
      columns[i], x: Axis(columns[i]), y: "density",
      marks: [
        .histogram(rows[.all, i].doubles, series: "data", normalized: true),
        .histogram(samples[.all, i].doubles, series: "samples", normalized: true),
      ]
    ).sized(width: 260, height: 160)
  }
  items.append(.plot(.grid(marginals, columns: min(3, marginals.count)), name: "marginals"))
  return items
}

/// A range that both clouds fit into.
private func domain(_ a: Tensor, _ b: Tensor, _ column: Int) -> ClosedRange<Double> {
  let values = a[.all, column].doubles + b[.all, column].doubles
  let (low, high) = (values.min() ?? 0, values.max() ?? 1)
  return low...max(high, low + 1e-9)
}
