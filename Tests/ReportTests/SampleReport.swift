import Foundation
import Report

/// A report with one of everything, and with texts that attack the page.
enum SampleReport {
  static let attack = "</script><script>document.title='owned'</script><!--<b>&amp;\u{2028}\"'"

  static var report: HTMLReport {
    var report = HTMLReport(title: "Sample & <report>", subtitle: "one of everything")
    report.add(
      "Facts",
      [
        .text("A first paragraph that is long enough to show how running text is set.\n\nA second one."),
        .facts(["rows": "2,000", "columns": "2", "seed": "0", "parameters": "133,121", "attack": attack]),
        .reproduction(
          ReproductionResult(slug: "sample", seed: 0, scale: "quick", seconds: 12.25, claims: claims)),
        .table(
          ReportTable(
            title: "Held-out log-likelihood",
            columns: [
              .text("model"), .integer("rows"), .uncertain("log-likelihood", unit: "nats"),
              .number("time", unit: "s"),
            ],
            rows: [
              ["linear", 1000, .uncertain(-2.3145, 0.0213), 1.25],
              ["trigonometric", 1000, .uncertain(-2.3012, 0.0209), 10.5], [.text(attack), nil, nil, nil],
            ])),
      ])
    report.add("Plots", plots.map { .plot($0.value, name: $0.key) })
    report.add(
      "Pictures",
      [
        .image(ImageGrid(pictures, columns: 8, scale: 6).image(), caption: "Sixteen gradients."),
        .configuration(title: "Configuration", text: "steps: 4000\nname: \(attack)"),
      ])
    return report
  }

  static let claims = [
    Claim(
      "the density integrates to one", paper: 1, measured: 1.0002, uncertainty: 0.0004,
      rule: .near(1, tolerance: 0.01)),
    Claim(
      "samples are told apart from the data in at most half of the trials", measured: 0.54, rule: .atMost(0.5)
    ),
    Claim("the large table is fitted", paper: "Table 2", rule: .atMost(3), notRun: "the data set is absent"),
  ]

  static let pictures = (0..<16).map { shift in
    Image(width: 8, height: 8, format: .grey, samples: (0..<64).map { UInt8(($0 * 4 + shift * 16) % 256) })
  }

  /// Numbers that look normal: sums of twelve steps of a fixed sequence.
  static func bells(_ count: Int, _ seed: UInt64) -> [Double] {
    var state = seed
    func uniform() -> Double {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(state >> 11) / Double(1 << 53)
    }
    return (0..<count).map { _ in (0..<12).reduce(-6) { sum, _ in sum + uniform() } }
  }
}
