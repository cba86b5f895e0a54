import Testing
import Torch

@Suite("Element types") struct DTypeTests {
  @Test("bfloat16 keeps 8 bits of a significand, rounded to even, and every bfloat16 survives the round trip")
  func bfloat16() {
    // 1 + 2⁻⁸ is halfway between 1 and 1 + 2⁻⁷, 1 + 3·2⁻⁸ halfway between 1 + 2⁻⁷ and 1 + 2⁻⁶.
    let rounded = Tensor([1 + 0x1p-8, 1 + 0x1.8p-7, 1 + 0x1.1p-8, 3e38, -0.0] as [Float]).to(.bfloat16)
    #expect(rounded.dtype == .bfloat16)
    #expect(rounded.floats[0] == 1)
    #expect(rounded.floats[1] == 1 + 0x1p-6)
    #expect(rounded.floats[2] == 1 + 0x1p-7)
    #expect(rounded.floats[4].sign == .minus)
    let every = (0..<0x7f80).map { Float(bitPattern: UInt32($0) << 16) }
    #expect(Tensor(every).to(.bfloat16).floats == every)
    let bytes = Tensor([1.0 as Float]).to(.bfloat16).bytes
    #expect(bytes == [0x80, 0x3f])
  }

  @Test("every type has its size, and arrays come back as they went in")
  func roundTrips() {
    for dtype in DType.allCases {
      #expect(Tensor.zeros([3], dtype: dtype).bytes.count == 3 * dtype.size)
      #expect(Tensor.zeros([3], dtype: dtype).dtype == dtype)
    }
    #expect(Tensor([Int.max, .min]).integers == [.max, .min])
    #expect(Tensor([true, false]).booleans == [true, false])
    #expect(Tensor([0.1, .infinity]).doubles == [0.1, .infinity])
    #expect(Tensor([255, 0] as [UInt8]).integers == [255, 0])
    #expect(Tensor([2.9, -2.9]).to(.int64).integers == [2, -2])
  }

  @Test("mixed types promote: whole to real, narrow to wide, single to double")
  func promotion() {
    let int = Tensor([1, 2])
    let float = Tensor([0.5, 0.5] as [Float])
    #expect((int + float).dtype == .float)
    #expect((float + Tensor([1.0, 2])).dtype == .double)
    #expect((int / int).dtype == .float)
    #expect((int .> 1).dtype == .bool)
    #expect((Tensor([true]) + Tensor([1])).dtype == .int64)
    #expect((float.to(.bfloat16) + float).dtype == .float)
  }

  @Test("creation: full, range, linspace, identity, rows")
  func creation() {
    #expect(Tensor.full([2, 2], 3).floats == [3, 3, 3, 3])
    #expect(Tensor.range(from: 1, to: 10, by: 3).integers == [1, 4, 7])
    #expect(Tensor.linspace(0, 1, count: 5, dtype: .double).doubles == [0, 0.25, 0.5, 0.75, 1])
    #expect(Tensor.identity(2).floats == [1, 0, 0, 1])
    #expect(Tensor(rows: [[1, 2, 3], [4, 5, 6]]).shape == [2, 3])
    #expect(Tensor(5.0).shape == [])
    #expect(Tensor.zeros([2, 0, 3]).count == 0)
    #expect(Device("cpu") == .cpu && Device("cuda:1") == .cuda(1) && Device("tpu") == nil)
  }
}
