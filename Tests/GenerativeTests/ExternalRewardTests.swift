import Foundation
import Generative
import Testing
import Torch
import Training

@Suite("Rewards of other programs") struct ExternalRewardTests {
  private func reward(_ command: String, timeLimit: Double = 20, restarts: Int = 2) -> ExternalReward {
    ExternalReward(
      ExternalProcess(command, timeLimit: timeLimit, restarts: restarts), columns: ["a", "b"], batch: 7)
  }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "nothing was thrown"
    } catch { return "\(error)" }
  }

  private let rows = Tensor((0..<40).map { Double($0) / 4 }, shape: [20, 2])

  @Test("answers are numbers, objects and bare infinities, in order")
  func answers() throws {
    // Echoes the number under "b".
    let echo = reward(#"sed -u 's/.*"b":\([^,}]*\).*/\1/'"#)
    #expect(try echo(rows).doubles == rows[.all, 1].doubles)
    #expect(echo.process.calls == 20)
    // The same process goes on.
    #expect(try echo(rows[0..<3]).doubles == [0.25, 0.75, 1.25])
    #expect(echo.process.calls == 23)
    let object = reward(#"sed -u 's/.*"b":\([^,}]*\).*/{"reward":\1,"note":"x"}/'"#)
    #expect(try object(rows).doubles == rows[.all, 1].doubles)
    let forbidden = reward("while read line; do echo -Infinity; done")
    #expect(try forbidden(rows[0..<2]).doubles == [-.infinity, -.infinity])
  }

  @Test("a command that ends after every few lines is started again and asked once more")
  func restart() throws {
    // Three batches of at most seven rows need two restarts when every life answers eight lines.
    let dying = reward("for i in 1 2 3 4 5 6 7 8; do read line && echo 1; done", restarts: 3)
    #expect(try dying(rows).doubles == [Double](repeating: 1, count: 20))
    let tooOften = reward("read line && echo 1", restarts: 2)
    #expect(message { _ = try tooOften(rows) }.contains("after 3 of 7 answers"))
  }

  @Test("large batches do not block on full pipes")
  func large() throws {
    // 100,000 lines are more than both pipes hold.
    let echo = ExternalReward(ExternalProcess("sed -u 's/.*/2/'"), columns: ["a"], batch: 100_000)
    #expect(try echo(.zeros([100_000, 1], dtype: .double)).sum().item() == 200_000)
  }

  @Test("what is wrong with a command is told")
  func mistakes() {
    #expect(
      message { _ = try reward("cat", timeLimit: 5)(rows) }.contains("a number or {\"reward\": number}"))
    #expect(
      message { _ = try reward("sleep 30", timeLimit: 0.2)(rows) }.contains("within 0.2 s; let it flush"))
    let twice = message { _ = try reward("while read line; do printf '1\\n2\\n'; done")(rows) }
    #expect(twice.contains("more answers than the 7 lines"), "\(twice)")
    let missing = message { _ = try reward("no-such-command-here")(rows) }
    #expect(missing.contains("status 127") && missing.contains("no-such-command-here"))
    #expect(message { _ = try reward("echo oops >&2; exit 3", restarts: 0)(rows) }.contains("status 3"))
  }
}
