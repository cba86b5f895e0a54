import ArgumentParser

@main
struct LikelyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "likely", version: "0.1.0")
}
