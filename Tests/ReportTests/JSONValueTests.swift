import Foundation
import Testing

import Report

@Suite("JSON")
struct JSONValueTests {
  static let document: JSONValue = [
    "z": 1, "a": [1.5, -0.1, 1e300, .number(.leastNonzeroMagnitude), true, nil, "text"],
    "nested": ["empty": [:], "none": [], "deep": [[[["value"]]]]],
    "long": .array((0..<60).map(JSONValue.integer)),
    "quotes": "\"\\/\u{8}\u{1}\n\r\t\u{7F}\u{2028}\u{2029}é😀",
  ]

  @Test("both forms read back, by another reader, as the same document", arguments: [true, false])
  func roundTrip(isPretty: Bool) throws {
    let text = isPretty ? Self.document.pretty : Self.document.compact
    let read = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? NSDictionary)
    let expected: NSDictionary = [
      "z": 1, "a": [1.5, -0.1, 1e300, Double.leastNonzeroMagnitude, true, NSNull(), "text"] as [Any],
      "nested": ["empty": [String: Any](), "none": [Any](), "deep": [[[["value"]]]]] as [String: Any],
      "long": Array(0..<60), "quotes": "\"\\/\u{8}\u{1}\n\r\t\u{7F}\u{2028}\u{2029}é😀",
    ]
    #expect(read == expected)
  }

  @Test("keys keep their order, and the compact form is one line of ASCII separators")
  func order() {
    #expect((["b": 1, "a": [2, 3]] as JSONValue).compact == #"{"b":1,"a":[2,3]}"#)
    #expect(!Self.document.compact.contains("\n"))
    #expect(!Self.document.compact.unicodeScalars.contains("\u{2028}"))
  }

  @Test("numbers that are not finite are strings; whole numbers have no fraction")
  func numbers() {
    let values: JSONValue = [
      .number(.nan), .number(.infinity), .number(-.infinity), 3.0, .number(-0.0), 1e22,
    ]
    #expect(values.compact == #"["NaN","Infinity","-Infinity",3,-0,1e+22]"#)
  }

  @Test("every finite number reads back exactly")
  func exactNumbers() throws {
    var state: UInt64 = 1
    var values: [Double] = []
    while values.count < 2000 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let value = Double(bitPattern: state)
      if value.isFinite { values.append(value) }
    }
    for value in values {
      #expect(Double(JSONValue.number(value).compact) == value)
    }
  }

  @Test("a member can be read, set and removed")
  func members() {
    var value: JSONValue = ["a": 1, "b": 2]
    value["a"] = 3
    value["b"] = nil
    value["c"] = "new"
    #expect(value["a"] == 3)
    #expect(value["missing"] == nil)
    #expect(JSONValue.integer(1)["a"] == nil)
    #expect(value.compact == #"{"a":3,"c":"new"}"#)
  }
}
