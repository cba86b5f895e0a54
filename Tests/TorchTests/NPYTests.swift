import Foundation
import Testing
import Torch

@Suite("NPY arrays") struct NPYTests {
  @Test(
    "NumPy's arrays of every number type and byte order",
    arguments: [
      ("le_f2", DType.float16), ("le_f4", .float), ("le_f8", .double), ("be_f4", .float), ("be_f8", .double),
      ("i1", .int8), ("le_i2", .int16), ("be_i2", .int16), ("le_i4", .int32), ("le_i8", .int64),
      ("be_i8", .int64),
    ])
  func types(name: String, dtype: DType) throws {
    let array = try NPY.read(contentsOf: fixture("\(name).npy"))
    #expect(array.dtype == dtype)
    #expect(array.shape == [2, 3])
    #expect(array.doubles == [-2, -1, 0, 1, 2, 3])
  }

  @Test("unsigned numbers take the next wider signed type, while they fit")
  func unsigned() throws {
    #expect(try NPY.read(contentsOf: fixture("u1.npy")).isEqual(to: Tensor([0, 127, 255] as [UInt8])))
    #expect(try NPY.read(contentsOf: fixture("u2.npy")).isEqual(to: Tensor([0, 65535] as [Int32])))
    #expect(try NPY.read(contentsOf: fixture("be_u4.npy")).integers == [0, 4_294_967_295])
    #expect(try NPY.read(contentsOf: fixture("u8.npy")).integers == [0, .max])
    let error = #expect(throws: StorageError.self) { try NPY.read(contentsOf: fixture("u8_large.npy")) }
    #expect(error?.kind == .badValue)
    #expect(error?.found.contains("9223372036854775808 at element 1") == true)
  }

  @Test("truth values, complex numbers, Fortran order, scalars, empty arrays and later versions")
  func variants() throws {
    #expect(try NPY.read(contentsOf: fixture("bool.npy")).booleans == [true, false, true])
    #expect(try NPY.read(contentsOf: fixture("complex.npy")).viewAsReal().doubles == [1, 2, 0, -3.5])
    let fortran = try NPY.read(contentsOf: fixture("fortran.npy"))
    #expect(fortran.isEqual(to: Tensor.range(to: 24, dtype: .double).reshape(2, 3, 4)))
    #expect(try NPY.read(contentsOf: fixture("scalar.npy")).isEqual(to: Tensor(2.5)))
    #expect(try NPY.read(contentsOf: fixture("empty.npy")).shape == [0, 3])
    #expect(try NPY.read(contentsOf: fixture("version2.npy")).doubles == [1.5, -2.5])
    #expect(try NPY.read(contentsOf: fixture("version3.npy")).doubles == [1.5, -2.5])
  }

  @Test("objects, records and text are refused by name")
  func refusedTypes() throws {
    for (name, words) in [
      ("object", "Python objects"), ("structured", "structured dtype"), ("text", "'<U2'"),
    ] {
      let error = #expect(throws: StorageError.self) { try NPY.read(contentsOf: fixture("\(name).npy")) }
      #expect(error?.kind == .unsupportedType)
      #expect(error?.found.contains(words) == true, "\(String(describing: error))")
    }
  }

  @Test("what is written is what NumPy writes, byte for byte")
  func writing() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("a.npy")
      for name in [
        "le_f2", "le_f4", "le_f8", "i1", "le_i2", "le_i4", "le_i8", "u1", "bool", "scalar", "empty",
      ] {
        let array = try NPY.read(contentsOf: fixture("\(name).npy"))
        try NPY.write(array, to: url)
        #expect(try Data(contentsOf: url) == Data(contentsOf: fixture("\(name).npy")), "\(name)")
      }
      let error = #expect(throws: StorageError.self) {
        try NPY.write(Tensor([1.0]).to(.bfloat16), to: folder.appendingPathComponent("b.npy"))
      }
      #expect(error?.kind == .unsupportedType)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.npy"])
    }
  }

  @Test(
    "a header that breaks the format is refused with its fault",
    arguments: [
      ("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", 15, StorageError.Kind.truncated),
      ("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", 17, .badOffsets),
      ("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }", 8, .badShape),
      ("{'descr': '|u1', 'fortran_order': False, 'shape': (9223372036854775808,), }", 8, .badShape),
      ("{'descr': '<f8', 'fortran_order': False, 'shape': (2305843009213693952,), }", 8, .badShape),
      ("{'descr': '<f8', 'fortran_order': False, 'shape': (3037000500, 3037000500), }", 8, .badShape),
      ("{'descr': '<f8', 'fortran_order': False, 'shape': (1)}", 8, .malformedHeader),
      ("{'descr': '<f8', 'fortran_order': 0, 'shape': (1,)}", 8, .malformedHeader),
      ("{'descr': '<f8', 'fortran_order': False}", 8, .malformedHeader),
      ("{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", 8, .malformedHeader),
      ("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'more': 1}", 8, .malformedHeader),
      ("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} import os", 8, .malformedHeader),
      ("__import__('os').system('true')", 8, .malformedHeader),
      ("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", 8, .unsupportedType),
      ("{'descr': 'f8', 'fortran_order': False, 'shape': (1,)}", 8, .unsupportedType),
      ("{'descr': '<f16', 'fortran_order': False, 'shape': (1,)}", 16, .unsupportedType),
      ("{'descr': '<M8[s]', 'fortran_order': False, 'shape': (1,)}", 8, .unsupportedType),
      ("", 8, .malformedHeader),
    ])
  func faults(header: String, dataCount: Int, kind: StorageError.Kind) throws {
    let bytes = npy(header: header) + [UInt8](repeating: 0, count: dataCount)
    let error = try storageError(bytes, "bad.npy") { _ = try NPY.read(contentsOf: $0) }
    #expect(error?.kind == kind, "\(String(describing: error))")
    #expect(error?.description.contains("bad.npy (byte ") == true)
  }

  @Test("wrong magic, unknown versions, cut headers and headers larger than the file")
  func framing() throws {
    func kind(_ bytes: [UInt8]) throws -> StorageError.Kind? {
      try storageError(bytes, "x.npy") { _ = try NPY.read(contentsOf: $0) }?.kind
    }
    let good = npy(header: "{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}") + [7]
    #expect(try kind([]) == .truncated)
    #expect(try kind(Array("not an array at all".utf8)) == .wrongMagic)
    #expect(try kind(Array(good.prefix(8))) == .truncated)
    #expect(try kind(Array(good.prefix(20))) == .headerTooLarge)
    #expect(try kind(good.enumerated().map { $0 == 6 ? 4 : $1 }) == .unsupported)
    #expect(try kind(good.enumerated().map { $0 == 9 ? 0xff : $1 }) == .headerTooLarge)
    #expect(try kind([0x93] + Array("NUMPY".utf8) + [2, 0, 0xff, 0xff, 0xff, 0xff, 0x7b]) == .headerTooLarge)
  }

  private func npy(header: String) -> [UInt8] {
    let length = withUnsafeBytes(of: UInt16(header.utf8.count).littleEndian) { Array($0) }
    return [0x93] + Array("NUMPY".utf8) + [1, 0] + length + Array(header.utf8)
  }
}

@Suite("NPZ archives") struct NPZTests {
  @Test("reads stored and deflated archives of NumPy")
  func reading() throws {
    let stored = try NPZFile(contentsOf: fixture("stored.npz"))
    #expect(stored.names == ["first", "second"])
    #expect(try stored.tensor(named: "first").doubles == [1, 2])
    #expect(try stored.tensor(named: "second").isEqual(to: Tensor([0, 1, 2, 3], shape: [2, 2])))
    let deflated = try NPZFile(contentsOf: fixture("deflated.npz"))
    #expect(try deflated.tensor(named: "ramp").isEqual(to: .range(to: 1000, dtype: .double)))
    #expect(try deflated.tensors()["b"]?.booleans == [true])
  }

  @Test("what is written comes back, and is the same every time")
  func roundTrip() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("a.npz")
      let arrays = [
        ("a", Tensor([1.5, 2.5])), ("b/c é", Tensor([1, 2, 3, 4], shape: [2, 2])), ("z", .zeros([0])),
      ]
      try NPZ.write(arrays, to: url)
      let archive = try NPZFile(contentsOf: url)
      #expect(archive.names == arrays.map(\.0))
      for (name, tensor) in arrays { #expect(try archive.tensor(named: name).isEqual(to: tensor)) }
      let first = try Data(contentsOf: url)
      try NPZ.write(arrays, to: url)
      #expect(try Data(contentsOf: url) == first)
      let error = #expect(throws: StorageError.self) { try NPZ.write([arrays[0], arrays[0]], to: url) }
      #expect(error?.kind == .duplicateName)
      #expect(try Data(contentsOf: url) == first)
    }
  }

  @Test("NumPy reads what is written")
  func numpyReads() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("a.npz")
      try NPZ.write([("a", Tensor([1.5, 2.5])), ("b", Tensor([true, false]))], to: url)
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = [
        "python3", "-c",
        """
        import sys
        try:
          import numpy as np
        except ImportError:
          sys.exit(77)
        z = np.load(sys.argv[1])
        assert z['a'].tolist() == [1.5, 2.5] and z['b'].tolist() == [True, False] and z.zip.testzip() is None
        """, url.path,
      ]
      try process.run()
      process.waitUntilExit()
      // 77: no NumPy here, so there is nothing to compare with.
      #expect([0, 77].contains(process.terminationStatus))
    }
  }

  @Test("a changed byte anywhere never gives other numbers silently")
  func damage() throws {
    let good = try Array(Data(contentsOf: fixture("deflated.npz")))
    let expected = try NPZFile(contentsOf: fixture("deflated.npz")).tensor(named: "ramp")
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("a.npz")
      var refused = 0
      for position in stride(from: 0, to: good.count, by: 7) {
        var bytes = good
        bytes[position] ^= 0x55
        try Data(bytes).write(to: url)
        do {
          let archive = try NPZFile(contentsOf: url)
          // Names and unused fields may change; numbers may not.
          if archive.names.contains("ramp") {
            #expect(try archive.tensor(named: "ramp").isEqual(to: expected), "byte \(position)")
          }
        } catch is StorageError {
          refused += 1
        }
      }
      #expect(refused > good.count / 7 / 2)
    }
  }

  @Test("truncation at any length is an error")
  func truncation() throws {
    let good = try Array(Data(contentsOf: fixture("stored.npz")))
    for length in stride(from: 0, to: good.count, by: 13) {
      _ = try storageError(Array(good.prefix(length)), "t.npz") { _ = try NPZFile(contentsOf: $0) }
    }
  }

  @Test("an archive that would fill memory is refused before it is opened")
  func bombs() throws {
    let limited = #expect(throws: StorageError.self) {
      try NPZFile(contentsOf: fixture("deflated.npz"), limit: 8000)
    }
    #expect(limited?.kind == .tooLarge)
    // A directory that announces 1 GiB from a few hundred bytes lies: deflate cannot do that.
    var bytes = try Array(Data(contentsOf: fixture("deflated.npz")))
    let record = try #require(bytes.indices.first { bytes[$0...].starts(with: [0x50, 0x4b, 1, 2]) })
    bytes.replaceSubrange(record + 24..<record + 28, with: [0, 0, 0, 0x40])
    let lying = try storageError(bytes, "bomb.npz") { _ = try NPZFile(contentsOf: $0) }
    #expect(lying?.kind == .tooLarge)
  }

  @Test("no ZIP, encrypted entries, unknown compression and shared bytes are refused by kind")
  func faults() throws {
    let good = try Array(Data(contentsOf: fixture("stored.npz")))
    let records = good.indices.filter { good[$0...].starts(with: [0x50, 0x4b, 1, 2]) }
    func kind(_ change: (inout [UInt8]) -> Void) throws -> StorageError.Kind? {
      var bytes = good
      change(&bytes)
      return try storageError(bytes, "x.npz") { _ = try NPZFile(contentsOf: $0) }?.kind
    }
    #expect(try kind { $0 = Array("no archive, only some text".utf8) } == .wrongMagic)
    #expect(try kind { $0[records[0] + 8] |= 1 } == .unsupported)
    #expect(try kind { $0[records[0] + 10] = 12 } == .unsupported)
    #expect(
      try kind { $0.replaceSubrange(records[1] + 42..<records[1] + 46, with: [0, 0, 0, 0]) } == .overlap)
    #expect(
      try kind { $0.replaceSubrange(records[1] + 42..<records[1] + 46, with: [0, 0, 0, 0x70]) } == .badOffsets
    )
    #expect(
      try kind { $0.replaceSubrange(records[1] + 20..<records[1] + 24, with: [0, 0, 0, 0x70]) } == .badOffsets
    )
  }
}
