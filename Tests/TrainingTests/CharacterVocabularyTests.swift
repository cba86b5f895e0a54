import Foundation
import Testing
import Torch
import Training

@Suite("Characters as numbers") struct CharacterVocabularyTests {
  @Test("text comes back; the numbers are places in the vocabulary")
  func roundTrip() throws {
    let text = "zäh\r\n🙂 a"
    let vocabulary = try CharacterVocabulary(of: text)
    #expect(vocabulary.characters.unicodeScalars.map(\.value) == [10, 13, 32, 97, 104, 122, 228, 128578])
    let tokens = try vocabulary.encode(text)
    #expect(tokens.dtype == .int64 && tokens.integers == [5, 6, 4, 1, 0, 7, 2, 3])
    #expect(vocabulary.decode(tokens.integers) == text)
    #expect(vocabulary.decode([3, 8, -1, 3]) == "a__a")
    #expect(vocabulary.lines(Tensor(rows: [[Int64(3), 4], [5, 8]])) == ["ah", "z_"])
  }

  @Test("letters: lower case, and every run of anything else is one space")
  func letters() throws {
    #expect(reduceToLetters("Now, gods\n\n  stand UP'S 42éZ.") == "now gods stand up s z ")
    #expect(CharacterVocabulary.letters.count == 27)
    #expect(try CharacterVocabulary.letters.encode(" az").integers == [0, 1, 26])
  }

  @Test("a vocabulary is stored as its characters")
  func storage() throws {
    let vocabulary = try CharacterVocabulary("ba\"c")
    let data = try JSONEncoder().encode(vocabulary)
    #expect(String(decoding: data, as: UTF8.self) == #""ba\"c""#)
    #expect(try JSONDecoder().decode(CharacterVocabulary.self, from: data) == vocabulary)
    #expect(throws: TextError.self) {
      try JSONDecoder().decode(CharacterVocabulary.self, from: Data(#""aa""#.utf8))
    }
  }

  @Test("unknown and repeated characters are named with their position")
  func faults() throws {
    let error = #expect(throws: TextError.self) { try CharacterVocabulary.letters.encode("to Be") }
    #expect(error?.kind == .unknownCharacter)
    #expect(
      "\(error!)" == "position 3: the character B (U+42) is not among the 27 of the vocabulary")
    #expect(
      "\(#expect(throws: TextError.self) { try CharacterVocabulary("abca") }!)".contains("positions 0 and 3"))
    #expect(#expect(throws: TextError.self) { try CharacterVocabulary("") }?.kind == .empty)
    #expect(#expect(throws: TextError.self) { try CharacterVocabulary(of: "") }?.kind == .empty)
  }

  @Test("text files: missing, empty and foreign bytes are told apart")
  func files() throws {
    try withTemporaryFolder { folder in
      func kind(_ name: String, _ bytes: [UInt8]?) throws -> TextError.Kind? {
        let url = folder.appendingPathComponent(name)
        if let bytes { try Data(bytes).write(to: url) }
        return #expect(throws: TextError.self) { try String(textOf: url) }?.kind
      }
      #expect(try kind("missing", nil) == .missingFile)
      #expect(try kind("empty", []) == .empty)
      #expect(try kind("foreign", [0x61, 0xff, 0x62]) == .unreadable)
      let url = folder.appendingPathComponent("good")
      try Data("ä\n".utf8).write(to: url)
      #expect(try String(textOf: url) == "ä\n")
    }
  }
}
