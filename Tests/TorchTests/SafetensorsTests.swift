import Foundation
import Testing
import Torch

@Suite("Safetensors") struct SafetensorsTests {
  @Test("every type, shape and name comes back bit for bit")
  func roundTrip() throws {
    var random = RandomSource(seed: 1)
    let base = random.normal([3, 4], dtype: .double)
    var tensors: [(String, Tensor)] = [
      ("scalar", Tensor(2.5)), ("empty", .zeros([0, 3])), ("name \"quoted\" \\ é", base),
      ("transposed", base.transposed), ("bool", base .> 0),
    ]
    for dtype in [DType.float, .float16, .bfloat16, .int64, .int32, .int16, .int8, .uint8] {
      tensors.append(("\(dtype)", (base.abs() * 10).to(dtype)))
    }
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("a.safetensors")
      try Safetensors.write(tensors, metadata: ["step": "7", "note": "line\nline"], to: url)
      let file = try SafetensorsFile(contentsOf: url)
      #expect(file.metadata == ["step": "7", "note": "line\nline"])
      #expect(Set(file.names) == Set(tensors.map(\.0)))
      for (name, tensor) in tensors {
        #expect(try file.tensor(named: name).isEqual(to: tensor), "\(name)")
      }
      #expect(try file.tensors().count == tensors.count)
      // The same content in another order is the same file.
      let again = folder.appendingPathComponent("b.safetensors")
      try Safetensors.write(tensors.reversed(), metadata: ["note": "line\nline", "step": "7"], to: again)
      #expect(try Data(contentsOf: url) == Data(contentsOf: again))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 2)
    }
  }

  @Test("reads what the reference implementation writes")
  func reference() throws {
    let file = try SafetensorsFile(contentsOf: fixture("reference.safetensors"))
    #expect(file.metadata == ["format": "np", "note": "a \"quoted\" line\n"])
    #expect(
      try file.tensor(named: "weight").isEqual(to: Tensor([0, 1, 2, 3, 4, 5] as [Float], shape: [2, 3])))
    #expect(try file.tensor(named: "bias").doubles == [0.5, -0.5])
    #expect(try file.tensor(named: "mask").booleans == [true, false])
    #expect(try file.tensor(named: "é").integer() == 7)
  }

  @Test("a tensor outlives its file object, and the file on disk")
  func lifetime() throws {
    let values = Tensor.range(to: 1000, dtype: .double)
    let read = try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("a.safetensors")
      try Safetensors.write(["x": values], to: url)
      return try SafetensorsFile(contentsOf: url).tensor(named: "x")
    }
    #expect(read.isEqual(to: values))
  }

  @Test("only the header is read: one tensor out of 4 GiB costs neither memory nor time")
  func laziness() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("large.safetensors")
      let (large, small) = (4 << 30, 4096)
      let header = """
        {"large":{"dtype":"U8","shape":[\(large)],"data_offsets":[0,\(large)]},\
        "small":{"dtype":"F32","shape":[1024],"data_offsets":[\(large),\(large + small)]}}
        """
      let start =
        withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8)
      try Data(start).write(to: url)
      // A hole in the file takes no room on the disk.
      #expect(truncate(url.path, start.count + large + small) == 0)
      let before = try residentMemory()
      let time = try ContinuousClock().measure {
        let file = try SafetensorsFile(contentsOf: url)
        #expect(try file.tensor(named: "small").sum().item() == 0)
        #expect(try file.tensor(named: "large")[large - 1].integer() == 0)
      }
      #expect(time < .seconds(1))
      #expect(try residentMemory() - before < 1 << 30)
    }
  }

  private func residentMemory() throws -> Int {
    let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")[1]
    return try #require(Int(pages)) * Int(getpagesize())
  }

  @Test(
    "a file that breaks the format is refused with its fault",
    arguments: [
      (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#, 8, StorageError.Kind.malformedHeader),
      (#"[]"#, 0, .malformedHeader),
      (#"{"a":{"dtype":"F32","shape":[2]}}"#, 8, .malformedHeader),
      (#"{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}"#, 8, .malformedHeader),
      (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}"#, 8, .malformedHeader),
      (#"{"__metadata__":{"a":1}}"#, 0, .malformedHeader),
      (#"{"a":{"dtype":"F8","shape":[8],"data_offsets":[0,8]}}"#, 8, .unsupportedType),
      (#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, 8, .badShape),
      (#"{"a":{"dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,8]}}"#, 8, .badShape),
      (#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"#, 8, .badShape),
      (#"{"a":{"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}}"#, 0, .badShape),
      (#"{"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8]}}"#, 8, .malformedHeader),
      (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}"#, 8, .badOffsets),
      (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, 8, .badOffsets),
      (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 7, .badOffsets),
      (#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, 8, .badOffsets),
      (
        #"{"a":{"dtype":"U8","shape":[6],"data_offsets":[0,6]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}"#,
        8, .overlap
      ),
      (
        #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}"#,
        8, .hole
      ),
      (#"{"a":{"dtype":"U8","shape":[7],"data_offsets":[0,7]}}"#, 8, .hole),
      (
        #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#,
        8, .duplicateName
      ),
      (#"{"a":{"dtype":"U8","dtype":"I8","shape":[8],"data_offsets":[0,8]}}"#, 8, .duplicateName),
      ("{\"a\u{1}\":{}}", 0, .malformedHeader),
      ("{} x", 0, .malformedHeader),
      (
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[\(String(repeating: "1,", count: 64))1],\"data_offsets\":[0,1]}}",
        1, .badShape
      ),
      (String(repeating: "[", count: 5000), 0, .malformedHeader),
    ])
  func faults(header: String, dataCount: Int, kind: StorageError.Kind) throws {
    var bytes = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
    bytes += Array(header.utf8) + [UInt8](repeating: 1, count: dataCount)
    let error = try storageError(bytes, "bad.safetensors") { _ = try SafetensorsFile(contentsOf: $0) }
    #expect(error?.kind == kind, "\(String(describing: error))")
    #expect(error?.description.contains("bad.safetensors") == true)
  }

  @Test("lengths that do not fit the file are refused")
  func lengths() throws {
    func kind(_ bytes: [UInt8]) throws -> StorageError.Kind? {
      try storageError(bytes, "x.safetensors") { _ = try SafetensorsFile(contentsOf: $0) }?.kind
    }
    #expect(try kind([]) == .truncated)
    #expect(try kind([2, 0, 0, 0]) == .truncated)
    #expect(try kind([3, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d]) == .headerTooLarge)
    #expect(try kind([UInt8](repeating: 0xff, count: 16)) == .headerTooLarge)
    #expect(try kind([4, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x22, 0xff, 0x7d]) == .malformedHeader)
  }

  @Test("faults name the tensor, what was found and what was expected")
  func messages() throws {
    let header = #"{"layer.0":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#
    let bytes = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8)
    let error = try storageError(bytes + [UInt8](repeating: 0, count: 8), "m.safetensors") {
      _ = try SafetensorsFile(contentsOf: $0)
    }
    #expect(error?.place == "tensor \"layer.0\"")
    #expect(error?.found == "8 bytes")
    #expect(error?.expected == "12 for the shape [3] of F32")
  }

  @Test("a truth value that is neither 0 nor 1 is refused when read")
  func booleans() throws {
    let header = #"{"a":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}}"#
    let bytes = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8)
    let error = try storageError(bytes + [1, 2], "m.safetensors") {
      _ = try SafetensorsFile(contentsOf: $0).tensor(named: "a")
    }
    #expect(error?.kind == .badValue)
  }

  @Test("unknown names, missing files, folders and doubled names are errors of their kind")
  func misuse() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("a.safetensors")
      try Safetensors.write(["known": Tensor(1.0)], to: url)
      let file = try SafetensorsFile(contentsOf: url)
      let unknown = #expect(throws: StorageError.self) { try file.tensor(named: "other") }
      #expect(unknown?.kind == .noSuchName)
      #expect(unknown?.description.contains("known") == true)
      let missing = #expect(throws: StorageError.self) {
        try SafetensorsFile(contentsOf: folder.appendingPathComponent("none"))
      }
      #expect(missing?.kind == .missing)
      let directory = #expect(throws: StorageError.self) { try SafetensorsFile(contentsOf: folder) }
      #expect(directory?.kind == .cannotRead)
      let doubled = #expect(throws: StorageError.self) {
        try Safetensors.write([("a", Tensor(1.0)), ("a", Tensor(2.0))], to: url)
      }
      #expect(doubled?.kind == .duplicateName)
      let complex = #expect(throws: StorageError.self) {
        try Safetensors.write([("a", Tensor([1.0]).fft())], to: url)
      }
      #expect(complex?.kind == .unsupportedType)
      // The failed writes left the file as it was.
      #expect(try SafetensorsFile(contentsOf: url).names == ["known"])
    }
  }
}
