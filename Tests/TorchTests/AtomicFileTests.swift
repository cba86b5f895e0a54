import Foundation
import Testing
import Torch

@Suite("Atomic files") struct AtomicFileTests {
  @Test("small and large pieces arrive in order")
  func pieces() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("a.bin")
      let sizes = [0, 1, 1 << 18, 5, (1 << 18) - 1, 3 << 18, 7]
      try AtomicFile.write(to: url) { (file) throws(StorageError) in
        for (index, size) in sizes.enumerated() {
          try file.append([UInt8](repeating: UInt8(index), count: size))
        }
      }
      let expected = sizes.enumerated().flatMap { [UInt8](repeating: UInt8($0), count: $1) }
      #expect(try Array(Data(contentsOf: url)) == expected)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.bin"])
    }
  }

  @Test("a failure leaves the old file and nothing else")
  func failure() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("a.txt")
      try AtomicFile.write(Data("old".utf8), to: url)
      let stop = StorageError(.badValue, file: "a", found: "x", expected: "y")
      let error = #expect(throws: StorageError.self) {
        try AtomicFile.write(to: url) { (file) throws(StorageError) in
          try file.append(Array("new".utf8))
          throw stop
        }
      }
      #expect(error == stop)
      #expect(try String(contentsOf: url, encoding: .utf8) == "old")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.txt"])
      try AtomicFile.write(Data("new".utf8), to: url)
      #expect(try String(contentsOf: url, encoding: .utf8) == "new")
    }
  }

  @Test("a folder that is not there is named with the system's reason")
  func missingFolder() {
    let url = URL(fileURLWithPath: "/nowhere/at/all.txt")
    let error = #expect(throws: StorageError.self) { try AtomicFile.write(Data(), to: url) }
    #expect(error?.kind == .cannotWrite)
    #expect(error?.file == "/nowhere/at/all.txt")
    #expect(error?.found.contains("No such file or directory") == true)
  }
}
