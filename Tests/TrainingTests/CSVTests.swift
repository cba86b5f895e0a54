import Foundation
import Testing
import Torch
import Training

@Suite("CSV tables") struct CSVTests {
  @Test(
    "the same table in every dialect",
    arguments: [
      "a,b\n1,2.5\n-3,4e2\n", "a,b\r\n1,2.5\r\n-3,4e2\r\n", "a,b\r1,2.5\r-3,4e2",
      "a,b\n1,2.5\n-3,4e2\n\n\r\n",
      "a;b\n1;2.5\n-3;4e2\n", "a\tb\n1\t2.5\n-3\t4e2\n", "a|b\n1|2.5\n-3|4e2\n", "a b\n1 2.5\n-3 4e2\n",
      "\u{FEFF}a,b\n1,2.5\n-3,4e2\n", "\"a\",\"b\"\n\"1\",2.5\n-3,\"4e2\"\n",
      " a , b \n 1 , 2.5\t\n -3 ,4e2 \n",
      "\n\na,b\n1,2.5\n-3,4e2\n", "\u{FEFF}\"a\",\"b\"\n1,2.5\n-3,4e2",
    ])
  func dialects(content: String) throws {
    let read = try table(content)
    #expect(read.names == ["a", "b"])
    #expect(read.values.dtype == .double)
    #expect(read.values.shape == [2, 2])
    #expect(read.values.doubles == [1, 2.5, -3, 400])
  }

  @Test("quoted names may hold delimiters, quotes and line ends; lines are still counted")
  func quotedFields() throws {
    let read = try table("\"a, \"\"first\"\"\nof two\",b\n1,2\n")
    #expect(read.names == ["a, \"first\"\nof two", "b"])
    let error = tableError("\"a\nb\",c\n1,2\n3,x\n")
    #expect(error?.line == 4)
  }

  @Test("a header is there when a field of the first line is no number, unless the options decide")
  func headers() throws {
    #expect(try table("1,2\n3,4").names == ["column1", "column2"])
    #expect(try table("1,2\n3,4").rowCount == 2)
    #expect(try table("1,x\n3,4").names == ["1", "x"])
    #expect(try table("1,2\n3,4", TableOptions(header: .present)).names == ["1", "2"])
    #expect(try table("x,\n3,4").names == ["x", "column2"])
    #expect(tableError("x,y\n3,4", TableOptions(header: .absent))?.kind == .notANumber)
    #expect(try table("# made by me\n1,2\n", TableOptions(skippedLines: 1)).values.doubles == [1, 2])
    #expect(try table("1,2\n", TableOptions(names: ["p", "q"])).names == ["p", "q"])
    #expect(tableError("1,2\n", TableOptions(names: ["p"]))?.kind == .raggedRow)
  }

  @Test("one row and one column are tables")
  func smallest() throws {
    #expect(try table("7").values.shape == [1, 1])
    #expect(try table("x\n7\n8\n").values.doubles == [7, 8])
    #expect(try table("1,2,3").values.shape == [1, 3])
  }

  @Test("columns are chosen by name, position and range, in the order asked for")
  func selection() throws {
    let content = "a,b,c,2\n1,2,3,4\n5,6,7,8\n"
    func names(_ options: TableOptions) throws -> [String] { try table(content, options).names }
    #expect(try names(TableOptions(columns: ["c", "a"])) == ["c", "a"])
    #expect(try table(content, TableOptions(columns: ["c", "a"])).values.doubles == [3, 1, 7, 5])
    #expect(try names(TableOptions(columns: [.position(-1), .position(1)])) == ["2", "a"])
    #expect(try names(TableOptions(columns: ["1-3"])) == ["a", "b", "c"])
    // A name wins over a position.
    #expect(try names(TableOptions(columns: ["2"])) == ["2"])
    #expect(try names(TableOptions(columns: [.positions(2...3)], dropped: ["b"])) == ["c"])
    #expect(try names(TableOptions(dropped: ["a", "4"])) == ["b", "c"])
    for reference in ["z", "5", "0", "3-9", "-5"] {
      let error = tableError(content, TableOptions(columns: [.text(reference)]))
      #expect(error?.kind == .unknownColumn)
      #expect(error?.expected == "one of the 4: a, b, c, 2")
    }
    #expect(tableError(content, TableOptions(dropped: ["1-4"]))?.kind == .noColumns)
    #expect(tableError("a,a\n1,2\n")?.kind == .duplicateColumn)
    #expect(try table("a,a,b\n1,2,3\n", TableOptions(columns: ["b", .position(1)])).names == ["b", "a"])
    // Text in a column that is left out does not matter.
    #expect(try table("a,b\n1,x\n2,y\n", TableOptions(columns: ["a"])).values.doubles == [1, 2])
  }

  @Test("a label column becomes classes in a fixed order")
  func labels() throws {
    let species = try table("x,kind\n1,setosa\n2,iris\n3,setosa\n", TableOptions(label: "kind"))
    #expect(species.names == ["x"])
    #expect(species.labels?.name == "kind")
    #expect(species.labels?.classes == ["iris", "setosa"])
    #expect(species.labels?.indices.isEqual(to: Tensor([1, 0, 1])) == true)
    // Numbers are ordered by value, and equal numbers are one class.
    let numbers = try table("10,1\n2,1\n10.0,1\n-1,5\n", TableOptions(label: .position(1)))
    #expect(numbers.labels?.classes == ["-1", "2", "10"])
    #expect(numbers.labels?.indices.integers == [2, 1, 2, 0])
    // A label column of words is no header.
    let headless = try table("1,red\n2,blue\n", TableOptions(label: .position(-1)))
    #expect(headless.values.doubles == [1, 2])
    #expect(headless.labels?.classes == ["blue", "red"])
    let many = "x,y\n" + (0..<1500).map { "1,\($0)\n" }.joined()
    let error = tableError(many, TableOptions(label: "y"))
    #expect(error?.kind == .tooManyClasses)
    #expect(error?.columnName == "y")
  }

  @Test("gzipped files, also of several members, are read as they are")
  func gzip() throws {
    // "a,b\n1,2\n" and "3,4\n", gzipped by Python's gzip.compress(…, mtime=0).
    let first = try #require(Data(base64Encoded: Self.firstMember))
    let second = try #require(Data(base64Encoded: Self.secondMember))
    #expect(try table(Array(first), name: "t.csv.gz").values.doubles == [1, 2])
    #expect(try table(Array(first + second), name: "t.csv.gz").values.doubles == [1, 2, 3, 4])
    #expect(try table(Array(first), name: "named-wrongly.csv").values.doubles == [1, 2])
    for bytes in [Array(first.dropLast(3)), Array(first.prefix(8)), Array("a,b\n1,2\n".utf8)] {
      let error = #expect(throws: TableError.self) { try table(bytes, name: "t.csv.gz") }
      #expect(error?.kind == .unreadable)
      #expect(error?.found.contains("gzip") == true)
    }
    var changed = Array(first)
    changed[changed.count - 6] ^= 1
    let error = #expect(throws: TableError.self) { try table(changed, name: "t.csv.gz") }
    #expect(error?.kind == .unreadable)
  }
  private static let firstMember = "H4sIAAAAAAACA0vUSeIy1DHiAgB7B5cKCAAAAA=="
  private static let secondMember = "H4sIAAAAAAACAzPWMeECAD4tcqkEAAAA"

  @Test("rows longer than the buffer, and quotes across its end, are whole")
  func longRows() throws {
    let width = 60_000
    let row = (0..<width).map { "\"\($0)\"" }.joined(separator: ",")
    let read = try table(row + "\r\n" + row + "\r\n")
    #expect(read.values.shape == [2, width])
    #expect(
      read.values.isEqual(
        to: Tensor.stack([.range(to: 60_000, dtype: .double), .range(to: 60_000, dtype: .double)])))
  }
}
