import Foundation
import Testing
import Torch
import Training

@Suite("Real data sets") struct DataCatalogueTests {
  /// Where the real data lie beside a checkout, or nil.
  static let shared: URL? = {
    let folder = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../../shared/data")
      .standardized
    return FileManager.default.fileExists(atPath: folder.path) ? folder : nil
  }()

  @Test(
    "SHA-256 of the NIST vectors",
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
      (
        String(repeating: "a", count: 1_000_000),
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
      ),
    ])
  func sha256(message: String, digest: String) {
    let bytes = Array(message.utf8)
    // In one piece, and in pieces that do not fit the blocks.
    for size in [max(bytes.count, 1), 63, 64, 1] {
      var hash = SHA256()
      for start in stride(from: 0, to: bytes.count, by: size) {
        bytes[start..<min(start + size, bytes.count)].withUnsafeBytes { hash.update($0) }
      }
      #expect(hash.hexDigest() == digest)
    }
  }

  @Test("entries have different names, a licence, a source and sound checksums")
  func entries() throws {
    let sets = DataCatalogue.dataSets
    #expect(Set(sets.map(\.name)).count == sets.count)
    for set in sets {
      #expect(!set.licence.isEmpty && !set.source.isEmpty && set.url.hasPrefix("https://"))
      #expect(set.sha256.map { $0.count == 64 } ?? true)
      #expect(set.downloadCommand.contains(set.url) && set.downloadCommand.contains(set.path))
    }
    let error = #expect(throws: DataSetError.self) { try DataCatalogue.dataSet(named: "nothing") }
    #expect(error?.description.contains("digits") == true)
  }

  @Test("folders come from LIKELY_DATA, then the cache")
  func folders() {
    let folders = DataCatalogue.folders(environment: ["LIKELY_DATA": "/data", "HOME": "/home/x"])
    #expect(folders.map(\.path) == ["/data", "/home/x/.cache/likely"])
    #expect(DataCatalogue.folders(environment: [:]).isEmpty)
  }

  @Test("a missing file is named with licence and how to get it; a different one is refused")
  func lookUp() throws {
    try withTemporaryFolder { folder in
      let iris = try DataCatalogue.dataSet(named: "iris")
      let missing = #expect(throws: DataSetError.self) { try DataCatalogue.file(of: iris, in: [folder]) }
      #expect(missing?.kind == .missing)
      for part in ["small/iris.csv", "CC BY 4.0", "curl -fL", "LIKELY_DATA"] {
        #expect(missing?.description.contains(part) == true, "\(part)")
      }
      let url = folder.appendingPathComponent("small/iris.csv")
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data("other".utf8).write(to: url)
      let different = #expect(throws: DataSetError.self) { try DataCatalogue.file(of: iris, in: [folder]) }
      #expect(different?.kind == .different)
      #expect(different?.description.contains("5 bytes") == true)
    }
  }

  @Test(
    "the real tables have their published sizes and class counts",
    .enabled(if: DataCatalogueTests.shared != nil, "../shared/data is not here"),
    arguments: [
      ("iris", 150, 4, [50, 50, 50]), ("wine", 178, 13, [59, 71, 48]),
      ("breast-cancer", 569, 30, [212, 357]),
      ("digits", 1797, 64, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]),
    ])
  func realTables(name: String, rows: Int, columns: Int, classes: [Int]) throws {
    let folder = try #require(Self.shared)
    let table = try DataCatalogue.table(name, in: [folder])
    #expect(table.values.shape == [rows, columns])
    #expect(table.labels?.indices.binCount().integers == classes)
    if name == "digits" {
      #expect(table.values.min().item() == 0 && table.values.max().item() == 16)
      // Pixels at the border that no digit touches.
      #expect(TableSummary(table).constantColumns == ["pixel 0 0", "pixel 4 0", "pixel 4 7"])
    }
  }
}
