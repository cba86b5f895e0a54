import Statistics
import Testing

@Suite("errors of statistics")
struct StatisticsErrorTests {
  @Test("an error says where, what was found, what is expected and what to do")
  func words() {
    let error = StatisticsError(
      .badData, "soup.csv:7, SURENESS", found: "the class \"7\"", expected: "one of 1, 2, 3",
      advice: "name all classes with --levels")
    #expect(
      "\(error)"
        == "soup.csv:7, SURENESS: found the class \"7\", expected one of 1, 2, 3; name all classes with --levels"
    )
  }
}
