import CPNG

/// Deflated bytes opened piece by piece, in bounded memory.
package final class InflateStream {
  /// What surrounds the deflated bytes.
  package enum Wrapping {
    /// Nothing, as in ZIP archives.
    case none
    /// Gzip's header and checksum.
    case gzip
  }

  /// How a step ended.
  package enum Outcome: Equatable {
    /// The output is full; call again with more room.
    case outputFull
    /// All input is used; call again with more.
    case needsInput
    /// The stream is complete.
    case finished
    /// The bytes are no deflated stream, or their checksum is wrong.
    case corrupt(String)
  }

  private var stream = z_stream()

  package init(_ wrapping: Wrapping) {
    // Window bits: negative for none, +16 for gzip.
    let bits: Int32 = wrapping == .none ? -15 : 15 + 16
    let status = inflateInit2_(&stream, bits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    precondition(status == Z_OK, "zlib: \(status)")
  }

  deinit { inflateEnd(&stream) }

  /// Starts over, for the next member of a file.
  package func reset() { inflateReset(&stream) }

  /// Opens bytes from the front of `input` into the front of `output`; both shrink by what was used.
  package func step(input: inout UnsafeRawBufferPointer, output: inout UnsafeMutableRawBufferPointer)
    -> Outcome
  {
    // zlib counts in 32 bits.
    let offered = min(input.count, Int(UInt32.max))
    let room = min(output.count, Int(UInt32.max))
    stream.next_in = UnsafeMutableRawPointer(mutating: input.baseAddress)?.assumingMemoryBound(to: UInt8.self)
    stream.avail_in = UInt32(offered)
    stream.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.avail_out = UInt32(room)
    let status = inflate(&stream, Z_NO_FLUSH)
    input = UnsafeRawBufferPointer(rebasing: input.dropFirst(offered - Int(stream.avail_in)))
    output = UnsafeMutableRawBufferPointer(rebasing: output.dropFirst(room - Int(stream.avail_out)))
    switch status {
    case Z_STREAM_END: return .finished
    case Z_OK, Z_BUF_ERROR: return output.isEmpty ? .outputFull : .needsInput
    default: return .corrupt(stream.msg.map { String(cString: $0) } ?? "zlib error \(status)")
    }
  }
}

/// The CRC-32 that ZIP and gzip use.
package func checksum32(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
  var value = crc32_z(0, nil, 0)
  value = crc32_z(value, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
  return UInt32(truncatingIfNeeded: value)
}
