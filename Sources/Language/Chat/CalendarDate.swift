/// A day, for chat templates that print one: what they print never depends on a clock.
public struct CalendarDate: Sendable, Hashable {
  public let year: Int
  /// 1 to 12.
  public let month: Int
  /// 1 to 31.
  public let day: Int

  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
  ]
  private static let weekdays = [
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
  ]

  /// - Throws: ``LanguageError`` where the Gregorian calendar has no such day, or the year is not from 1 to 9999.
  public init(year: Int, month: Int, day: Int) throws(LanguageError) {
    guard (1...9999).contains(year), (1...12).contains(month), (1...Self.days(month, year)).contains(day)
    else {
      throw LanguageError(
        .badValue, file: "date", found: "year \(year), month \(month), day \(day)",
        expected: "a day of the calendar")
    }
    (self.year, self.month, self.day) = (year, month, day)
  }

  private static func days(_ month: Int, _ year: Int) -> Int {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
  }

  /// The day's number in its year, from 1.
  private var dayOfYear: Int { (1..<month).reduce(day) { $0 + Self.days($1, year) } }

  /// 0 for Sunday.
  private var weekday: Int {
    let before = year - 1
    return (before * 365 + before / 4 - before / 100 + before / 400 + dayOfYear) % 7
  }

  /// The day in a format of `strftime`, with English names; nil where the format asks for more than a day.
  func formatted(_ format: String) -> String? {
    func padded(_ value: Int, _ width: Int = 2) -> String {
      let digits = String(value)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    var result = ""
    var rest = format.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      guard scalar == "%" else {
        result.unicodeScalars.append(scalar)
        continue
      }
      switch rest.popFirst() {
      case "d": result += padded(day)
      case "m": result += padded(month)
      case "Y": result += String(year)
      case "y": result += padded(year % 100)
      case "B": result += Self.months[month - 1]
      case "b": result += Self.months[month - 1].prefix(3)
      case "A": result += Self.weekdays[weekday]
      case "a": result += Self.weekdays[weekday].prefix(3)
      case "j": result += padded(dayOfYear, 3)
      case "F": result += "\(year)-\(padded(month))-\(padded(day))"
      case "%": result += "%"
      case "-":
        switch rest.popFirst() {
        case "d": result += String(day)
        case "m": result += String(month)
        default: return nil
        }
      default: return nil
      }
    }
    return result
  }
}
