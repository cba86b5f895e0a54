import Language
import Testing

@Test("an error says where, what was found and what was expected")
func languageErrorText() {
  let error = LanguageError(
    .badValue, file: "config.json", place: "hidden_size", found: "-4", expected: "a whole number above 0")
  #expect(error.description == "config.json, hidden_size: found -4, expected a whole number above 0")
}
