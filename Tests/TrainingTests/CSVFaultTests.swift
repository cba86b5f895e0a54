import Foundation
import Testing
import Torch
import Training

@Suite("Faulty CSV tables") struct CSVFaultTests {
  @Test("ragged rows give the line and both widths")
  func ragged() {
    let error = tableError("a,b\n1,2\n3\n")
    #expect(error?.kind == .raggedRow)
    #expect(error?.description.contains("t.csv:3: found 1 fields, expected 2 as in the first row") == true)
    #expect(tableError("1,2\n3,4,5\n")?.line == 2)
    #expect(tableError("a,b\n1,2,\n")?.advice?.contains("ends with a delimiter") == true)
    let gap = tableError("a,b\n1,2\n\n3,4\n")
    #expect(gap?.kind == .raggedRow)
    #expect(gap?.line == 3)
  }

  @Test("text in a numeric column gives line, column, name, the text, and what to do")
  func text() {
    let error = tableError("a,b\n1,2\n3,blue\n")
    #expect(error?.kind == .notANumber)
    #expect(error?.line == 3)
    #expect(error?.column == 2)
    #expect(error?.columnName == "b")
    #expect(error?.description.contains("t.csv:3:2 (b): found \"blue\", expected a number") == true)
    #expect(error?.advice?.contains("--columns") == true)
    #expect(tableError("a,b\n1,\(String(repeating: "long", count: 500))\n")?.found.count ?? 0 < 50)
    #expect(tableError("a;b\n1,5;x2\n")?.kind == .notANumber)
    #expect(tableError("a;b\n1,5;2,5\n2,5;3\n")?.advice == "write decimals with a point")
    for word in ["0x10", "1_000", "1e", "1e+", "+", ".e1", "1.2.3", "1 2", "１", "12d0", "--1", "1,0\u{0}"] {
      #expect(tableError("a\tb\n1\t\(word)\n")?.kind == .notANumber, "\(word)")
    }
  }

  @Test(
    "missing values are counted and the first is shown",
    arguments: ["", "NA", "n/a", "null", "?", " ", "\"\""])
  func missing(word: String) {
    let error = tableError("a,b\n1,2\n3,\(word)\n\(word),6\n")
    #expect(error?.kind == .missingValue)
    #expect(error?.occurrences == 2)
    #expect(error?.line == 3)
    #expect(error?.columnName == "b")
    #expect(error?.description.contains("the first of 2 values that are missing") == true)
  }

  @Test("missing values are NaN where they are asked for; other faults stay faults")
  func keptMissing() throws {
    var options = TableOptions()
    options.keepsMissing = true
    let values = try table("a,b\n1,\nNA,4\n", options).values.reshape(-1).doubles
    #expect(values[0] == 1 && values[1].isNaN && values[2].isNaN && values[3] == 4)
    #expect(tableError("a,b\n1,inf\n", options)?.kind == .nonFinite)
    #expect(tableError("a,b\n1,x\n", options)?.kind == .notANumber)
  }

  @Test(
    "numbers that are not finite are counted and the first is shown",
    arguments: ["nan", "NaN", "-inf", "Infinity", "1e999"])
  func nonFinite(word: String) {
    let error = tableError("1,2\n3,\(word)\n\(word),6\n\(word),\(word)\n")
    #expect(error?.kind == .nonFinite)
    #expect(error?.occurrences == 4)
    #expect(error?.line == 2)
    #expect(error?.column == 2)
    #expect(error?.found.contains(word) == true)
  }

  @Test("empty files and headers without rows")
  func empty() {
    for content in ["", "\n", "\r\n\r\n", "\u{FEFF}"] { #expect(tableError(content)?.kind == .empty) }
    #expect(tableError("a,b\n")?.kind == .headerOnly)
    #expect(tableError("a,b")?.kind == .headerOnly)
    #expect(tableError("1,2\n", TableOptions(header: .present))?.kind == .headerOnly)
  }

  @Test("a wrong delimiter is named together with the right one")
  func delimiters() throws {
    let error = tableError("a,b\n1,2\n", TableOptions(delimiter: ";"))
    #expect(error?.kind == .wrongDelimiter)
    #expect(error?.found == "one column with the delimiter ';'")
    #expect(error?.advice?.contains("use ','") == true)
    #expect(tableError("1\t2\n", TableOptions(delimiter: ","))?.expected.contains("tab") == true)
    #expect(tableError("1,2\n", TableOptions(delimiter: "é"))?.kind == .wrongDelimiter)
    #expect(try table("1\n2\n", TableOptions(delimiter: ";")).values.doubles == [1, 2])
    #expect(tableError("a:b\n1:2\n")?.advice?.contains("as the delimiter") == true)
    #expect(try table("a:b\n1:2\n", TableOptions(delimiter: ":")).values.doubles == [1, 2])
  }

  @Test("quotes that do not end, and text after them")
  func quoting() {
    let open = tableError("a,b\n1,\"2\n3,4\n")
    #expect(open?.kind == .badQuoting)
    #expect(open?.line == 2)
    #expect(open?.column == 2)
    #expect(tableError("a,b\n\"1\"x,2\n")?.kind == .badQuoting)
  }

  @Test("random files give a table of finite numbers or an error, never a crash")
  func fuzz() {
    var random = RandomSource(seed: 12)
    let pieces = [
      "1", "-2.5", ",", ",", "\n", "\r\n", "\r", "\"", "\"\"", "a", " ", "\t", ";", "", "1e999", "é", "\0",
      "1,2\n",
    ]
    var tables = 0
    for _ in 0..<1000 {
      let content = (0..<random.integer(in: 0..<25)).map { _ in pieces[random.integer(in: 0..<pieces.count)] }
      do {
        let read = try table(content.joined())
        #expect(read.values.isFinite().all().booleans == [true] && read.rowCount > 0)
        tables += 1
      } catch {
        #expect(error is TableError)
      }
    }
    #expect(tables > 10)
  }

  @Test("a header that is not UTF-8, files of other kinds, folders and missing files")
  func files() throws {
    let latin = #expect(throws: TableError.self) { try table([0x61, 0x2c, 0xe9, 0x0a, 0x31, 0x2c, 0x32]) }
    #expect(latin?.kind == .invalidText)
    #expect(latin?.column == 2)
    let other = tableError("x", name: "t.xlsx")
    #expect(other?.kind == .unsupportedFormat)
    #expect(other?.expected.contains("csv, tsv, txt, csv.gz") == true)
    let missing = #expect(throws: TableError.self) {
      try NumericTable(contentsOf: URL(fileURLWithPath: "/nowhere/t.csv"))
    }
    #expect(missing?.kind == .missingFile)
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("d.csv")
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
      let error = #expect(throws: TableError.self) { try NumericTable(contentsOf: url) }
      #expect(error?.kind == .unreadable)
    }
  }
}
