import Foundation
import Statistics
import Testing
import Torch
import Training

@Suite("tables of numbers and words")
struct DataTableTests {
  @Test("a column is of numbers where every field is one or missing, of words else")
  func types() throws {
    let folder = try TemporaryFolder()
    let table = try DataTable(
      contentsOf: folder.file("t.csv", "id,grade,age\n1,b,30\n2,\"a, b\",NA\n10,b,2.5\n"))
    #expect(table.names == ["id", "grade", "age"])
    #expect(try table.numbers("id") == [1, 2, 10])
    #expect(try table.words("grade") == .init(levels: ["a, b", "b"], codes: [1, 0, 1]))
    #expect(try table.words("id").levels == ["1", "2", "10"])
    #expect(table.lines == [2, 3, 4])
    #expect(try table.complete(["age"]).numbers("age") == [30, 2.5])
    #expect(
      message { _ = try table.numbers("age") }.hasSuffix(
        "t.csv:3, age: found a missing value, the first of 1, expected a value in every row; "
          + "drop these rows, fill the gaps, or leave the column out"))
    #expect(
      message { _ = try table.numbers("grade") }.contains("t.csv:2, grade: found \"b\", expected a number"))
    #expect(message { _ = try table.numbers("agee") }.contains("no column \"agee\", expected one of the 3"))
  }

  @Test("none is a level among words, and a gap among numbers")
  func none() throws {
    let folder = try TemporaryFolder()
    let table = try DataTable(contentsOf: folder.file("t.csv", "dose,ill\nnone,1\nsome,none\n?,3\n"))
    let words = DataTable.Words(levels: ["none", "some"], codes: [0, 1, -1])
    #expect(try table.column("dose").values == .words(words))
    #expect(try table.complete(["ill"]).numbers("ill") == [1, 3])
  }

  @Test("columns can be named as words, and blocks keep the first block's types")
  func blocks() throws {
    let folder = try TemporaryFolder()
    let file = try folder.file("t.csv", "x,y\n1,1\n2,2\n3,oops\n")
    #expect(try DataTable(contentsOf: file, words: ["x"]).words("x").levels == ["1", "2", "3"])
    let reader = try DataTableReader(file)
    #expect(try reader.block(of: 2)?.numbers("y") == [1, 2])
    #expect(
      message { _ = try reader.block(of: 2) }.contains("t.csv:4:2 (y): found \"oops\", expected a number"))
    let whole = try DataTableReader(file)
    #expect(try whole.block(of: 10)?.words("y").levels == ["1", "2", "oops"])
    #expect(try whole.block(of: 10) == nil)
  }

  @Test("infinite numbers are told where they are asked for")
  func infinite() throws {
    let folder = try TemporaryFolder()
    let table = try DataTable(contentsOf: folder.file("t.csv", "x\n1\ninf\nnan\n"))
    #expect(message { _ = try table.numbers("x") }.contains("a missing value, the first of 1"))
    let other = try DataTable(contentsOf: folder.file("u.csv", "x\n1\n-inf\n"))
    #expect(message { _ = try other.numbers("x") }.contains("u.csv:3, x: found a number that is infinite"))
  }

  @Test("a word among numbers is told with its own line, and a name that two columns have is refused")
  func mistakes() throws {
    let folder = try TemporaryFolder()
    let table = try DataTable(contentsOf: folder.file("t.csv", "x,y,y\n1,1,2\n2,1,2\nmany,1,2\n4,1,2\n"))
    #expect(message { _ = try table.numbers("x") }.contains("t.csv:4, x: found \"many\""))
    #expect(message { _ = try table.numbers("y") }.contains("the column \"y\" twice"))
  }

  @Test("treatment coding has a column for every level but the reference")
  func coding() throws {
    let table = DataTable([
      .init("grade", .words(.init(["low", "high", "mid", "low"]))), .init("day", .numbers([1, 2, 1, 3])),
      .init("age", .numbers([4, 5, 6, 7])),
    ])
    let coding = try DesignCoding(
      table, columns: ["grade", "day", "age"], factors: ["day"], references: ["grade": "low"])
    #expect(coding.names == ["gradehigh", "grademid", "day2", "day3", "age"])
    #expect(coding.owners == [0, 0, 1, 1, 2])
    #expect(
      try coding.matrix(of: table).doubles == [
        0, 0, 0, 0, 4, 1, 0, 1, 0, 5, 0, 1, 0, 0, 6, 0, 0, 0, 1, 7,
      ])
    let other = DataTable([
      .init("grade", .words(.init(["low", "none"]))), .init("day", .numbers([1, 2])),
      .init("age", .numbers([0, 0])),
    ])
    #expect(
      message { _ = try coding.matrix(of: other) }
        == "table:2, grade: found the level \"none\", expected one that the model was fitted with: "
        + "low, high, mid; fit again with such rows, or leave them out")
    #expect(
      message { _ = try DesignCoding(table, columns: ["grade"], references: ["grade": "x"]) }
        == "the reference of grade: found \"x\", expected one of high, low, mid")
  }

  @Test("folds have equal shares of every stratum, and groups stay whole")
  func folds() {
    var random = RandomSource(seed: 3)
    let strata = (0..<97).map { $0 % 7 == 0 ? 1 : 0 }
    let folds = Folds.stratified(by: strata, count: 5, using: &random)
    for part in 0..<5 {
      let rows = folds.rows(in: part)
      #expect((19...20).contains(rows.count))
      #expect((2...3).contains(rows.count { strata[$0] == 1 }))
      #expect(Set(rows).isDisjoint(with: folds.rows(outside: part)))
    }
    let groups = (0..<60).map { $0 / 4 }
    let grouped = Folds.grouped(by: groups, count: 4, using: &random)
    for group in 0..<15 { #expect(Set((0..<4).map { grouped.parts[group * 4 + $0] }).count == 1) }
    #expect((0..<4).allSatisfy { (12...16).contains(grouped.rows(in: $0).count) })
  }
}
