import Foundation
import Solvers
import Statistics
import Testing
import Torch
import Training

@Suite("iLA-SDP")
struct ILASDPTests {
  /// Two long crossing clusters of 30 rows and where they come from.
  private static func cross(_ seed: UInt64) -> (x: Tensor, labels: [Int]) {
    var random = RandomSource(seed: seed)
    let z = random.normal([60, 2], dtype: .double).doubles
    let rows: [[Double]] = (0..<60).map { i -> [Double] in
      let (u, v) = (z[2 * i], z[2 * i + 1])
      return i < 30 ? [4 * u, 0.3 * v] : [0.3 * u + 3, 4 * v + 6]
    }
    return (Tensor(rows: rows), (0..<60).map { $0 / 30 })
  }

  @Test("crossing clusters that K-means cuts are found, with a certificate")
  func cross() throws {
    var random = RandomSource(seed: 1)
    let (x, truth) = Self.cross(1)
    let fit = try ILASDP(clusters: 2).fit(x, using: &random)
    #expect(ClusterAgreement(truth, fit.labels).error <= 0.05)
    let kmeans = KMeans(clusters: 2).fit(x, using: &random).labels
    #expect(ClusterAgreement(truth, kmeans).error > 0.1)
    let certificate = try #require(fit.certificate)
    #expect(certificate.upperBound >= certificate.lowerBound - 1e-6)
    #expect(fit.predict(x).count == 60 && fit.searches.count == 3)
  }

  @Test("the criterion is that of the labels, and the log-likelihood the discriminant's")
  func criterion() throws {
    var random = RandomSource(seed: 2)
    let (x, _) = Self.cross(2)
    let method = ILASDP(clusters: 2)
    let fit = try method.fit(x, using: &random)
    let own = try #require(method.covariances.criterion(x, labels: fit.labels, clusters: 2))
    #expect(abs(own - fit.criterion) < 1e-9 * abs(own))
    let scores = fit.model.scores(x).doubles
    let sum = (0..<60).reduce(0) { $0 + scores[2 * $1 + fit.labels[$1]] } - 60 * log(2 * Double.pi)
    #expect(abs(sum - fit.logLikelihood) < 1e-9 * abs(sum))
    #expect(abs(fit.bayesianCriterion - (2 * sum - 11 * log(60.0))) < 1e-8)
  }

  @Test("a cluster of identical rows has no criterion, and where there is no other fit its rows are named")
  func identicalRows() throws {
    var random = RandomSource(seed: 6)
    let cloud = random.normal([30, 2], dtype: .double)
    let x = Tensor.concatenate([Tensor.full([30, 2], 0.1, dtype: .double), cloud + 50])
    let labels = (0..<60).map { $0 / 30 }
    #expect(ClusterCovariances().criterion(x, labels: labels, clusters: 2) == nil)
    var method = ILASDP(clusters: 2)
    method.givenLabels = labels
    method.rowNames = (0..<60).map { "flower \($0)" }
    let told = message { _ = try method.fit(x, using: &random) }
    #expect(told.contains("30 rows") && told.contains("flower 0, flower 1") && told.contains("duplicates"))
    // Copies within a cluster that spreads are harmless.
    let harmless = Tensor.concatenate([cloud[0..<5], cloud[0..<5], cloud, cloud + 50])
    let fit = try ILASDP(clusters: 2).fit(harmless, using: &random)
    #expect(ClusterAgreement((0..<70).map { $0 / 40 }, fit.labels).error == 0)
  }

  @Test("one cluster has the likelihood of a single normal, and no bound")
  func oneCluster() throws {
    var random = RandomSource(seed: 7)
    let (x, _) = Self.cross(7)
    var method = ILASDP(clusters: 1)
    method.covariances.shrinkage = 0
    let fit = try method.fit(x, using: &random)
    let centred = x - x.mean(0)
    let covariance = centred.transposed.matmul(centred) / 60
    let logDeterminant = 2 * covariance.cholesky().diagonal().log().sum().item()
    let expected = -30 * (logDeterminant + 2 + 2 * log(2 * Double.pi))
    #expect(abs(fit.logLikelihood - expected) < 1e-8 * abs(expected))
    #expect(Set(fit.labels) == [0] && fit.certificate == nil)
  }

  @Test("no search ends below its start")
  func monotone() throws {
    var random = RandomSource(seed: 3)
    let (x, _) = Self.cross(3)
    let method = ILASDP(clusters: 2)
    for search in try method.fit(x, using: &random).searches {
      guard let start = method.covariances.criterion(x, labels: search.labels, clusters: 2) else { continue }
      #expect(search.criterion >= start - 1e-9 * abs(start))
    }
  }

  @Test("no move of a single row makes the labels found likelier", arguments: 0..<3)
  func moves(seed: UInt64) throws {
    var random = RandomSource(seed: 40 + seed)
    // Three clusters that overlap, each long in a direction of its own.
    let x = Tensor.concatenate(
      (0..<3).map { k in
        let scale = Tensor((0..<3).map { $0 == k ? 2.5 : 0.6 })
        return random.normal([25, 3], dtype: .double) * scale + Tensor((0..<3).map { $0 == k ? 1.5 : 0 })
      })
    var method = ILASDP(clusters: 3)
    method.covariances = ClusterCovariances(shrinkage: 0)
    method.certifies = false
    let fit = try method.fit(x, using: &random)
    for (row, own) in fit.labels.enumerated() {
      for other in 0..<3 where other != own {
        var labels = fit.labels
        labels[row] = other
        guard labels.count(where: { $0 == own }) >= 4 else { continue }
        let moved = try #require(method.covariances.criterion(x, labels: labels, clusters: 3))
        #expect(moved <= fit.criterion + 1e-6 * abs(fit.criterion))
      }
    }
  }

  @Test("pairs of rows share a cluster or do not, and rows of weight 2 are two rows")
  func constraints() throws {
    var random = RandomSource(seed: 4)
    let (x, _) = Self.cross(4)
    let together = [(0, 45), (45, 50)]
    let apart = [(1, 2)]
    let constraints = try RowConstraints(rows: 60, together: together, apart: apart)
    let fit = try ILASDP(clusters: 2).fit(x, constraints: constraints, using: &random)
    for (a, b) in together { #expect(fit.labels[a] == fit.labels[b]) }
    #expect(fit.labels[1] != fit.labels[2])

    let doubled = Tensor.concatenate([x, x[0..<10]])
    let pairs = (0..<10).map { ($0, 60 + $0) }
    let copies = try ILASDP(clusters: 2).fit(
      doubled, constraints: RowConstraints(rows: 70, together: pairs), using: &random)
    let weights = (0..<60).map { $0 < 10 ? 2.0 : 1 }
    let weighted = try ILASDP(clusters: 2).fit(
      x, constraints: RowConstraints(rows: 60, weights: weights), using: &random)
    #expect(abs(copies.criterion - weighted.criterion) < 1e-6 * abs(copies.criterion))
    let contradiction = message {
      _ = try RowConstraints(rows: 5, together: [(0, 1), (1, 2)], apart: [(0, 2)])
    }
    #expect(contradiction.contains("rows 1 and 3"))
  }

  @Test("a part of the rows gives labels of all, which are right")
  func subsample() throws {
    var random = RandomSource(seed: 5)
    let (x, truth) = Self.cross(5)
    var method = ILASDP(clusters: 2)
    (method.subsample, method.subsamples) = (40, 3)
    let fit = try method.fit(x, using: &random)
    #expect(fit.labels.count == 60 && fit.certificate == nil)
    #expect(ClusterAgreement(truth, fit.labels).error <= 0.1)
  }

  @Test("rows far from everything are left out of the covariances and reported")
  func outliers() throws {
    var random = RandomSource(seed: 6)
    let (x, truth) = Self.cross(6)
    let strays = Tensor(rows: [[60.0, -60], [-70, 50], [80, 80]])
    var method = ILASDP(clusters: 2)
    method.outlierShare = 0.04
    let fit = try method.fit(.concatenate([x, strays]), using: &random)
    #expect(Set(fit.outliers).isSuperset(of: [60, 61, 62]) && fit.labels.count == 63)
    #expect(ClusterAgreement(truth, Array(fit.labels[..<60])).error <= 0.1)
  }

  @Test("with as many columns as rows of a cluster, rows are projected, and further rows as well")
  func projection() throws {
    var random = RandomSource(seed: 7)
    let noise = random.normal([40, 30], dtype: .double)
    let shift =
      Tensor((0..<40).map { $0 < 20 ? 0.0 : 8 }).unsqueeze(1) * Tensor((0..<30).map { $0 < 3 ? 1.0 : 0 })
    let x = noise + shift
    let fit = try ILASDP(clusters: 2).fit(x, using: &random)
    #expect(try #require(fit.projection).directions.shape == [30, 8])
    #expect(ClusterAgreement((0..<40).map { $0 / 20 }, fit.labels).error == 0)
    #expect(fit.predict(x) == fit.labels)
  }

  @Test("without time the start's labels come back and say so")
  func timeLimit() throws {
    var random = RandomSource(seed: 8)
    let (x, _) = Self.cross(8)
    var method = ILASDP(clusters: 2)
    method.starts = [.ward]
    method.timeLimit = .zero
    let fit = try method.fit(x, using: &random)
    #expect(fit.isOutOfTime && fit.certificate == nil && Set(fit.labels).count == 2)
  }

  @Test(
    "irises from two starts", .enabled(if: realData("small/iris.csv") != nil, "small/iris.csv is not here"))
  func iris() throws {
    let table = try DataCatalogue.table(
      "iris", in: [realData("small/iris.csv")!.deletingLastPathComponent().deletingLastPathComponent()])
    var random = RandomSource(seed: 9)
    var method = ILASDP(clusters: 3)
    method.starts = [.ward]
    method.certifies = false
    let fit = try method.fit(table.values, using: &random)
    let error = ClusterAgreement(table.labels!.indices.integers, fit.labels).error
    let plain = ClusterCovariances(shrinkage: 0)
    let value = try #require(plain.criterion(table.values, labels: fit.labels, clusters: 3))
    #expect(error * 150 <= 5.5 && value >= 1662.5)
    // Of the true labels, by an independent program.
    let truth = try #require(
      plain.criterion(table.values, labels: table.labels!.indices.integers, clusters: 3))
    #expect(abs(truth - 1655.558_816_645_169) < 1e-6)
  }

  @Test("the file of a model gives the model back")
  func modelFile() throws {
    var random = RandomSource(seed: 10)
    let (x, _) = Self.cross(10)
    let fit = try ILASDP(clusters: 2).fit(x, using: &random)
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(at: folder.url, withIntermediateDirectories: true)
    let file = folder.url.appendingPathComponent("model.json")
    try ClusterModelFile(fit, columns: ["a", "b"]).write(to: file)
    let read = try ClusterModelFile(contentsOf: file)
    #expect(try read.predict(x).labels == fit.predict(x) && read.columns == ["a", "b"])
    let other = try folder.file("other.json", #"{"kind": "likely.clusters"}"#)
    #expect(message { _ = try ClusterModelFile(contentsOf: other) }.contains("other.json"))
  }

  @Test("what cannot be fitted is told with its place")
  func errors() {
    func fit(_ rows: [[Double]], _ clusters: Int = 2, _ change: (inout ILASDP) -> Void = { _ in }) -> String {
      message {
        var random = RandomSource(seed: 0)
        var method = ILASDP(clusters: clusters)
        change(&method)
        _ = try method.fit(Tensor(rows: rows), names: ["a", "b"], using: &random)
      }
    }
    let fine: [[Double]] = (0..<20).map { i -> [Double] in [sin(Double(i)), cos(3 * Double(i))] }
    var broken = fine
    broken[4][1] = .nan
    #expect(fit(broken).contains("row 5, b"))
    #expect(fit(fine, 20).contains("20 clusters of 20 rows") && fit(fine, 20).contains("from 1 to 19"))
    let same = [Int](repeating: 0, count: 20)
    let constant = fine.map { row -> [Double] in [row[0], 3] }
    let doubled = fine.map { row -> [Double] in [row[0], 2 * row[0]] }
    #expect(fit(constant).contains("b: found the same number"))
    #expect(fit(doubled) { $0.projection = .none }.contains("b: found a column"))
    #expect(fit(fine) { $0.memoryLimit = 1000 }.contains("--subsample"))
    #expect(fit(fine) { $0.givenLabels = [0, 1] }.contains("2 labels"))
    #expect(fit(fine) { $0.givenLabels = same }.contains("different labels"))
    #expect(fit(fine) { $0.outlierShare = 0.7 }.contains("outliers"))
    let repeated: [[Double]] = (0..<20).map { i -> [Double] in [[0.0, 0], [1, 2], [3, 1]][i % 3] }
    #expect(fit(repeated, 5).contains("different rows"))
    let weights = message { _ = try RowConstraints(rows: 2, weights: [1, 0]) }
    #expect(weights.contains("row 2") && weights.contains("above 0"))
  }
}
