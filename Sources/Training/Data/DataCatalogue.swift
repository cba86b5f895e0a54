import Foundation

/// A real data set: what it is, whose it is, and how to recognise its file.
public struct DataSet: Sendable, Hashable {
  /// The name on the command line.
  public let name: String
  /// One line on what it holds.
  public let summary: String
  /// Where it lies under a data folder.
  public let path: String
  /// Its size in bytes.
  public let size: Int?
  /// Its SHA-256 in hexadecimal; nil where no trusted value is known, which the catalogue says.
  public let sha256: String?
  /// The licence of the data.
  public let licence: String
  /// Who published it.
  public let source: String
  /// Where the file can be downloaded.
  public let url: String
  /// How to read it as a table.
  public let options: TableOptions

  /// A shell command that puts the file into the cache.
  public var downloadCommand: String {
    let target = "~/.cache/likely/\(path)"
    let folder = target.split(separator: "/").dropLast().joined(separator: "/")
    return "mkdir -p \(folder) && curl -fL -o \(target) \(url)"
  }
}

/// Why a data set could not be used.
public struct DataSetError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Kind: String, Sendable, Hashable {
    /// The catalogue has no data set of the name.
    case unknown
    /// Its file is in none of the folders.
    case missing
    /// A file of its name has another size or checksum.
    case different
  }

  public let kind: Kind
  public let description: String
}

/// The real data sets that the package knows; nothing is downloaded by it.
public enum DataCatalogue {
  private static let scikitLearn =
    "https://raw.githubusercontent.com/scikit-learn/scikit-learn/1.5.2/sklearn/datasets/data"

  private static let criticalTokens =
    "https://raw.githubusercontent.com/chenzhiling9954/Critical-Tokens-Matter/main/src/input"

  private static func network(
    _ name: String, _ summary: String, _ size: Int, _ sha256: String
  ) -> DataSet {
    DataSet(
      name: name, summary: summary, path: "bayesnets/\(name).bif", size: size, sha256: sha256,
      licence: "CC BY-SA 3.0",
      source: "the bnlearn repository of Bayesian networks, as EfProb ships it (BIF)",
      url: "https://raw.githubusercontent.com/fzanasi/EfProb-GitLab/master/Examples/Bart/BIF/\(name).bif",
      options: TableOptions())
  }

  /// All data sets, by name.
  public static let dataSets: [DataSet] = [
    network(
      "alarm", "network of 37 variables for monitoring patients (BIF)", 13_376,
      "701e6c561f71b55669070c29614f0724b761289aa2c4a35bcc97b638ee881fa2"),
    DataSet(
      name: "breast-cancer", summary: "569 tumours with 30 measurements of cell nuclei, and the diagnosis",
      path: "small/breast_cancer.csv", size: 119_913,
      sha256: "fed3eb72d0575ef6192293f5093c6e801b1476b577d0386bf4455504522172ed", licence: "CC BY 4.0",
      source: "UCI Machine Learning Repository (Wolberg, Street, Mangasarian), as scikit-learn ships it",
      url: "\(scikitLearn)/breast_cancer.csv",
      options: TableOptions(
        header: .absent, skippedLines: 1, label: .position(31),
        names: ["mean", "error", "worst"].flatMap { part in
          [
            "radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity",
            "concave points",
            "symmetry", "fractal dimension",
          ].map { "\(part) \($0)" }
        } + ["diagnosis"])),
    network(
      "child", "network of 20 variables for diagnosing newborns (BIF)", 5_863,
      "432c22e661cd0e8235c8d95599ac22ccc261002459f5c4e6e7235b057908fe6e"),
    DataSet(
      name: "digits", summary: "1,797 handwritten digits of 8×8 grey levels 0 to 16, and the digit",
      path: "digits/digits.csv.gz", size: 57_523,
      sha256: "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22", licence: "CC BY 4.0",
      source: "UCI Machine Learning Repository (Alpaydin, Kaynak), as scikit-learn ships it",
      url: "\(scikitLearn)/digits.csv.gz",
      options: TableOptions(
        header: .absent, label: .position(65),
        names: (0..<8).flatMap { row in (0..<8).map { "pixel \(row) \($0)" } } + ["digit"])),
    DataSet(
      name: "gsm8k-solutions",
      summary: "1,319 grade-school problems with worked solutions and their answers (JSON lines)",
      path: "critical-tokens/GSM8K_test.jsonl", size: 937_759,
      sha256: "c9e1cdc26c905d2f8a8be970c3dfe42e3d1cfdfdc6a05fc88ee686ef63709597", licence: "MIT",
      source: "OpenAI's grade-school-math, as Critical-Tokens-Matter (Apache-2.0) ships it",
      url: "\(criticalTokens)/GSM8K_test.jsonl", options: TableOptions()),
    network(
      "hailfinder", "network of 56 variables for forecasting hail (BIF)", 57_369,
      "cf09960af33dd643771c61e23a89c7815448047f335ffa9ba7d57359bc755548"),
    DataSet(
      name: "iris", summary: "150 iris flowers with 4 measurements, and the species", path: "small/iris.csv",
      size: 2_734, sha256: "f13ffa8fdd56fd8e6c8d16d4081a3fbd3114bcd0aae4256c43205169cd9d1449",
      licence: "CC BY 4.0", source: "UCI Machine Learning Repository (Fisher), as scikit-learn ships it",
      url: "\(scikitLearn)/iris.csv",
      options: TableOptions(
        header: .absent, skippedLines: 1, label: .position(5),
        names: ["sepal length", "sepal width", "petal length", "petal width", "species"])),
    DataSet(
      name: "math-solutions",
      summary: "500 solutions of competition problems by eight models, with the answers (JSON lines)",
      path: "critical-tokens/MATH_test.jsonl", size: 454_497,
      sha256: "d9895f4276f80a418c2ce1caf7df566a47a7a23e70bade48d0f30b6fe0140cdf", licence: "MIT",
      source: "Hendrycks et al., MATH, as Critical-Tokens-Matter (Apache-2.0) ships it",
      url: "\(criticalTokens)/MATH_test.jsonl", options: TableOptions()),
    DataSet(
      name: "mnist-test", summary: "10,000 handwritten digits of 28×28 grey levels (IDX)",
      path: "mnist/t10k-images-idx3-ubyte.gz", size: nil, sha256: nil, licence: "CC BY-SA 3.0",
      source: "LeCun, Cortes, Burges; mirror of fgnt on GitHub, about 1.65 MB",
      url: "https://raw.githubusercontent.com/fgnt/mnist/master/t10k-images-idx3-ubyte.gz",
      options: TableOptions()),
    DataSet(
      name: "persona", summary: "1,000 statements that a ruthless person would make or not make (JSON lines)",
      path: "persona/ends-justify-means.jsonl", size: 360_082,
      sha256: "30e2f6cc53395203e296d08549b86ed441e0c3194cbf4ba3b7a61dda521358f4", licence: "CC BY 4.0",
      source: "Anthropic's model-written evaluations on GitHub",
      url: "https://raw.githubusercontent.com/anthropics/evals/main/persona/ends-justify-means.jsonl",
      options: TableOptions()),
    network(
      "sachs", "network of 11 proteins in cells, three levels each (BIF)", 5_734,
      "b7bd3931192f9e529f0f88bba15fca6cc61ba3c805d5c8ae57eba57ed3b332ec"),
    DataSet(
      name: "pension",
      summary: "9,915 households: 401(k) eligibility, participation and net financial assets",
      path: "pension/401k.csv", size: 1_328_652,
      sha256: "23b36abdb222471f3ebedab4526cdf78aed3675827eefa96fc3af6e34c47e8e7", licence: "MIT",
      source: "CausalAIBook/MetricsMLNotebooks on GitHub",
      url: "https://raw.githubusercontent.com/CausalAIBook/MetricsMLNotebooks/main/data/401k.csv",
      options: TableOptions()),
    DataSet(
      name: "prediabetes",
      summary: "3,059 patients with the ages at which they had pre-diabetes and diabetes",
      path: "ordinal/prediabetes.csv", size: 144_631,
      sha256: "fbed624905b89a5143a590055c81336d76619db8c11f4cd1412648c737d50431", licence: "MIT",
      source: "StatsGary/MLDataR, data/PreDiabetes.rda converted to CSV",
      url: "https://github.com/StatsGary/MLDataR (convert data/PreDiabetes.rda)", options: TableOptions()),
    DataSet(
      name: "soup",
      summary: "1,847 tastings of soups: how sure a person is that it is the test soup, of 6 grades",
      path: "ordinal/soup.csv", size: 116_182,
      sha256: "1a6903d32ab9eb99675e45c1f1cb880b37d9b01d610879175b48bf5fda3493ad",
      licence: "GPL (R package ordinal)",
      source: "vincentarelbundock/Rdatasets on GitHub",
      url: "https://raw.githubusercontent.com/vincentarelbundock/Rdatasets/master/csv/ordinal/soup.csv",
      options: TableOptions()),
    DataSet(
      name: "tinyshakespeare", summary: "1,115,394 characters of Shakespeare's plays (a text, not a table)",
      path: "text/tinyshakespeare.txt", size: 1_115_394,
      sha256: "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed", licence: "public domain",
      source: "Karpathy's char-rnn on GitHub",
      url: "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
      options: TableOptions()),
    DataSet(
      name: "wine", summary: "178 wines of three growers with 13 chemical measurements, and the grower",
      path: "small/wine_data.csv", size: 11_157,
      sha256: "10e8a802908b34f86e5da8ce962f3c806694bc98450a18f61851af59f324bede", licence: "CC BY 4.0",
      source: "UCI Machine Learning Repository (Aeberhard, Forina), as scikit-learn ships it",
      url: "\(scikitLearn)/wine_data.csv",
      options: TableOptions(
        header: .absent, skippedLines: 1, label: .position(14),
        names: [
          "alcohol", "malic acid", "ash", "alcalinity of ash", "magnesium", "total phenols", "flavanoids",
          "nonflavanoid phenols", "proanthocyanins", "color intensity", "hue", "od280/od315", "proline",
          "grower",
        ])),
  ]

  /// The data set with the name.
  /// - Throws: ``DataSetError`` (`unknown`) that lists the names.
  public static func dataSet(named name: String) throws(DataSetError) -> DataSet {
    if let found = dataSets.first(where: { $0.name == name }) { return found }
    throw DataSetError(
      kind: .unknown,
      description: "no data set \"\(name)\"; there are \(dataSets.map(\.name).joined(separator: ", "))")
  }

  /// `$LIKELY_DATA` where it is set, then `~/.cache/likely`.
  public static func folders(environment: [String: String] = ProcessInfo.processInfo.environment) -> [URL] {
    var folders: [URL] = []
    if let folder = environment["LIKELY_DATA"], !folder.isEmpty {
      folders.append(URL(fileURLWithPath: folder))
    }
    if let home = environment["HOME"], !home.isEmpty {
      folders.append(URL(fileURLWithPath: home).appendingPathComponent(".cache/likely"))
    }
    return folders
  }

  /// The data set's file in the first folder that has it, with size and SHA-256 checked where they are known.
  /// - Throws: ``DataSetError`` that says which file, whose it is, its licence, and how to get it.
  public static func file(of dataSet: DataSet, in folders: [URL] = folders()) throws(DataSetError) -> URL {
    for folder in folders {
      let url = folder.appendingPathComponent(dataSet.path)
      guard FileManager.default.fileExists(atPath: url.path) else { continue }
      try check(url, against: dataSet)
      return url
    }
    let places = folders.map { $0.appendingPathComponent(dataSet.path).path }.joined(separator: " or ")
    throw DataSetError(
      kind: .missing,
      description: """
        the data set \(dataSet.name) is not here: expected \(places.isEmpty ? "a data folder" : places); \
        it is from \(dataSet.source), licence \(dataSet.licence); get it with: \(dataSet.downloadCommand) \
        (or set LIKELY_DATA to a folder that has \(dataSet.path))
        """)
  }

  /// The data set as a table.
  /// - Throws: ``DataSetError`` or ``TableError``.
  public static func table(_ name: String, in folders: [URL] = folders()) throws -> NumericTable {
    let dataSet = try dataSet(named: name)
    return try NumericTable(contentsOf: try file(of: dataSet, in: folders), options: dataSet.options)
  }

  private static func check(_ url: URL, against dataSet: DataSet) throws(DataSetError) {
    guard dataSet.size != nil || dataSet.sha256 != nil else { return }
    let found = SHA256.digest(of: url)
    if let found, found.size == dataSet.size ?? found.size, found.digest == dataSet.sha256 ?? found.digest {
      return
    }
    throw DataSetError(
      kind: .different,
      description: """
        \(url.shownPath) is not the data set \(dataSet.name): found \
        \(found.map { "\($0.size) bytes with SHA-256 \($0.digest)" } ?? "a file that cannot be read"), expected \
        \(dataSet.size.map(String.init) ?? "any number of") bytes with SHA-256 \(dataSet.sha256 ?? "unknown"); \
        remove it and get it with: \(dataSet.downloadCommand)
        """)
  }
}
