// swift-tools-version: 6.1
import PackageDescription

// libtorch is found by `scripts/setup`, which leaves it (or a link to it) in `.deps/libtorch`;
// `$LIBTORCH` overrides. Header and library paths outside the package need unsafe flags, which
// SwiftPM allows in a root package.
let libtorch = Context.environment["LIBTORCH"] ?? Context.packageDirectory + "/.deps/libtorch"

let torchHeaders: [CXXSetting] = [
  .unsafeFlags([
    "-isystem", "\(libtorch)/include",
    "-isystem", "\(libtorch)/include/torch/csrc/api/include",
    "-O2", "-fvisibility=hidden",
  ])
]
let torchLibraries: [LinkerSetting] = [
  .unsafeFlags([
    "-L\(libtorch)/lib", "-Xlinker", "-rpath", "-Xlinker", "\(libtorch)/lib",
    "-Xlinker", "--no-as-needed",
  ]),
  .linkedLibrary("torch"), .linkedLibrary("torch_cpu"), .linkedLibrary("c10"),
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let numerics = Target.Dependency.product(name: "RealModule", package: "swift-numerics")
let collections = Target.Dependency.product(name: "OrderedCollections", package: "swift-collections")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

func room(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies)
}

func tests(_ room: String, _ dependencies: [Target.Dependency] = [], fixtures: Bool = false) -> Target {
  // Tests find their fixtures beside their source, so these are no resources to copy.
  .testTarget(
    name: "\(room)Tests", dependencies: [.byName(name: room)] + dependencies,
    exclude: fixtures ? ["Fixtures"] : [])
}

let package = Package(
  name: "Likely",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "Likely", targets: ["Likely"]),
    .executable(name: "likely", targets: ["LikelyCommand"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-numerics", from: "1.1.1"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    .target(name: "CTorch", cxxSettings: torchHeaders, linkerSettings: torchLibraries),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev", "zlib1g-dev"])]),

    room("Files", []),
    room("Torch", ["Files", "CTorch", "CPNG", numerics, collections]),
    room("Report", ["Files", "CPNG", collections]),
    room("Probability", ["Torch", numerics]),
    room("Solvers", ["Torch", "Probability", numerics]),
    room("Sampling", ["Torch", "Probability", numerics]),
    room("Training", ["Torch", "Report", "Probability", "CPNG", logging, yams, collections]),
    room("Generative", ["Torch", "Report", "Probability", "Solvers", "Sampling", "Training", numerics]),
    room("Language", ["Files", "Torch", "Report", "Probability", "Sampling", "Training", numerics]),
    room(
      "Statistics", ["Files", "Torch", "Report", "Probability", "Solvers", "Sampling", "Training", numerics]),
    room(
      "Reproductions",
      [
        "Torch", "Report", "Probability", "Solvers", "Sampling", "Training", "Generative", "Language",
        "Statistics", numerics,
      ]),
    room(
      "Likely",
      [
        "Torch", "Report", "Probability", "Solvers", "Sampling", "Training", "Generative", "Language",
        "Statistics", "Reproductions",
      ]),
    // The rooms by name too: a build that is not clean misses changes behind a re-export otherwise.
    .executableTarget(
      name: "LikelyCommand",
      dependencies: [
        "Likely", "Files", "Torch", "Report", "Probability", "Solvers", "Sampling", "Training", "Generative",
        "Language", "Statistics", "Reproductions",
        argumentParser, logging, yams,
      ]),
    // Not a product: `make bench` runs it beside the peers.
    .executableTarget(
      name: "LikelyBenchmarks",
      dependencies: [
        "Likely", "Torch", "Probability", "Sampling", "Training", "Generative", "Language", "Statistics",
        argumentParser,
      ],
      path: "Benchmarks/Likely"),

    tests("Torch", fixtures: true), tests("Report"), tests("Probability", fixtures: true),
    tests("Solvers", fixtures: true), tests("Sampling", ["Probability", "Torch"], fixtures: true),
    tests("Training"),
    tests("Generative", ["Sampling"]),
    tests("Language", ["Torch", "Probability", "Training"], fixtures: true),
    tests("Statistics", ["Torch", "Probability", "Training"]),
    tests("Reproductions", ["Report", "Torch"]),
    tests("LikelyCommand", ["Likely"]),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx20
)
