import Foundation
import Testing

import Report

@Suite("Atomic writing")
struct AtomicWriteTests {
  @Test("a file has exactly the bytes given, and no temporary file stays")
  func writes() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "a b%20ü.bin")
      let data = Data((0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
      try writeAtomically(data, to: url)
      #expect(try Data(contentsOf: url) == data)
      #expect(try contents(of: folder) == ["a b%20ü.bin"])
    }
  }

  @Test("empty data make an empty file")
  func writesNothing() throws {
    try withTemporaryFolder { folder in
      try writeAtomically(Data(), to: folder.appending(path: "empty"))
      #expect(try Data(contentsOf: folder.appending(path: "empty")).isEmpty)
    }
  }

  @Test("a name as long as the file system allows can be written")
  func longName() throws {
    try withTemporaryFolder { folder in
      let name = String(repeating: "n", count: 255)
      try writeAtomically(Data([1]), to: folder.appending(path: name))
      #expect(try contents(of: folder) == [name])
    }
  }

  @Test("an old file is replaced whole; a reader who has it open keeps the old content")
  func replaces() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "file")
      try writeAtomically(Data("the old, longer content".utf8), to: url)
      let reader = try FileHandle(forReadingFrom: url)
      try writeAtomically(Data("new".utf8), to: url)
      #expect(try Data(contentsOf: url) == Data("new".utf8))
      #expect(try reader.readToEnd() == Data("the old, longer content".utf8))
    }
  }

  @Test("pieces arrive in order")
  func writesPieces() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "file")
      try writeAtomically(to: url) { file in
        for piece in ["one ", "two ", "three"] { try file.write(Data(piece.utf8)) }
      }
      #expect(try String(contentsOf: url, encoding: .utf8) == "one two three")
    }
  }

  @Test("a body that throws leaves the old file and nothing else")
  func bodyThrows() throws {
    struct Stop: Error {}
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "file")
      try writeAtomically(Data("old".utf8), to: url)
      #expect(throws: Stop.self) {
        try writeAtomically(to: url) { file in
          try file.write(Data("half".utf8))
          throw Stop()
        }
      }
      #expect(try String(contentsOf: url, encoding: .utf8) == "old")
      #expect(try contents(of: folder) == ["file"])
    }
  }

  @Test("a bare file name goes to the working folder")
  func relative() throws {
    let name = ".report-tests-\(UUID())"
    defer { unlink(name) }
    try writeAtomically(Data([7]), to: URL(filePath: name))
    #expect(FileManager.default.contents(atPath: "./\(name)") == Data([7]))
  }

  @Test("a missing folder is named with the reason")
  func missingFolder() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "missing/file")
      let path = url.path(percentEncoded: false)
      #expect(throws: FileWriteError(step: .create, path: path, code: ENOENT)) {
        try writeAtomically(Data([1]), to: url)
      }
      let left = try contents(of: folder)
      #expect(left.isEmpty)
      let error = FileWriteError(step: .create, path: path, code: ENOENT)
      #expect(error.description == "cannot create \(path): No such file or directory")
    }
  }

  @Test("a file in a folder's place is an error")
  func notAFolder() throws {
    try withTemporaryFolder { folder in
      try writeAtomically(Data([1]), to: folder.appending(path: "file"))
      let url = folder.appending(path: "file/inner")
      #expect(throws: FileWriteError(step: .create, path: url.path(percentEncoded: false), code: ENOTDIR)) {
        try writeAtomically(Data([2]), to: url)
      }
    }
  }

  @Test("a folder is never replaced, and the temporary file is removed")
  func targetIsFolder() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "taken")
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
      #expect {
        try writeAtomically(Data([1]), to: url)
      } throws: { error in
        (error as? FileWriteError)?.step == .replace
      }
      #expect(try contents(of: folder) == ["taken"])
    }
  }

  @Test("a read-only folder is an error", .enabled(if: geteuid() != 0, "root may write to read-only folders"))
  func readOnlyFolder() throws {
    try withTemporaryFolder { folder in
      #expect(chmod(folder.path(percentEncoded: false), 0o500) == 0)
      let url = folder.appending(path: "file")
      #expect(throws: FileWriteError(step: .create, path: url.path(percentEncoded: false), code: EACCES)) {
        try writeAtomically(Data([1]), to: url)
      }
      #expect(chmod(folder.path(percentEncoded: false), 0o700) == 0)
      let left = try contents(of: folder)
      #expect(left.isEmpty)
    }
  }

  @Test("many writers at once: the file is always one of theirs, whole")
  func concurrent() async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "report-tests-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let url = folder.appending(path: "file")
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 0..<32 {
        group.addTask { try writeAtomically(Data(repeating: UInt8(writer), count: 20_000), to: url) }
      }
      try await group.waitForAll()
    }
    let data = try Data(contentsOf: url)
    #expect(data.count == 20_000)
    #expect(Set(data).count == 1)
    #expect(try contents(of: folder) == ["file"])
  }
}

@Suite("Folders")
struct CreateFolderTests {
  @Test("missing parents are made, and an existing folder is left alone")
  func creates() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "a/b/c d")
      try createFolder(at: url)
      try createFolder(at: url)
      try writeAtomically(Data([1]), to: url.appending(path: "file"))
      #expect(try contents(of: url) == ["file"])
    }
  }

  @Test(
    "a file in the way is an error, at the end of the path and within it", arguments: ["file", "file/a/b"])
  func fileInTheWay(path: String) throws {
    try withTemporaryFolder { folder in
      try writeAtomically(Data(), to: folder.appending(path: "file"))
      let error = #expect(throws: FileWriteError.self) { try createFolder(at: folder.appending(path: path)) }
      #expect(error?.step == .create)
      #expect(error?.code == ENOTDIR)
    }
  }
}
