/// Refuses a column that two options name: it can have one role only.
func checkRoles(_ roles: [(option: String, columns: [String])]) throws {
  var options: [String: String] = [:]
  for (option, columns) in roles {
    for column in columns {
      if let other = options[column] {
        throw UsageError(
          other == option
            ? "\(option): \(column) is named twice"
            : "\(other) and \(option): both name \(column), which can have one role only")
      }
      options[column] = option
    }
  }
}
