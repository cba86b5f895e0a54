import Foundation
import Testing
import Torch

@Suite("Damaged files") struct FuzzTests {
  @Test(
    "a file with random changes gives tensors or an error of storage, never a crash",
    arguments: [
      "reference.safetensors", "stored.npz", "deflated.npz", "le_f4.npy", "be_i8.npy", "fortran.npy",
      "bool.npy",
      "version2.npy", "structured.npy",
    ])
  func changes(name: String) throws {
    let good = try Array(Data(contentsOf: fixture(name)))
    var random = RandomSource(seed: 1).split(name)
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent(name)
      var refused = 0
      for _ in 0..<500 {
        var bytes = good
        for _ in 0..<random.integer(in: 1..<4) {
          // Numbers near the ends of their range are where arithmetic overflows.
          let value = [0, 1, 0x7f, 0x80, 0xff, UInt8(truncatingIfNeeded: random.next())].randomElement(
            using: &random)!
          bytes[random.integer(in: 0..<bytes.count)] = value
        }
        if random.integer(in: 0..<5) == 0 { bytes.removeLast(random.integer(in: 1..<bytes.count)) }
        if random.integer(in: 0..<5) == 0 { bytes[0..<min(16, bytes.count)].shuffle(using: &random) }
        try Data(bytes).write(to: url)
        do {
          for tensor in try read(url) { #expect(tensor.bytes.count == tensor.count * tensor.dtype.size) }
        } catch {
          #expect(error is StorageError)
          refused += 1
        }
      }
      #expect(refused > 40)
    }
  }

  private func read(_ url: URL) throws -> [Tensor] {
    switch url.pathExtension {
    case "npy": [try NPY.read(contentsOf: url)]
    case "npz": Array(try NPZFile(contentsOf: url).tensors().values)
    default: Array(try SafetensorsFile(contentsOf: url).tensors().values)
    }
  }
}
