/// Text made safe for HTML elements and for attributes in either kind of quotes.
package func escapeHTML(_ text: String) -> String {
  var result = ""
  result.reserveCapacity(text.utf8.count)
  for scalar in text.unicodeScalars {
    switch scalar {
    case "&": result += "&amp;"
    case "<": result += "&lt;"
    case ">": result += "&gt;"
    case "\"": result += "&quot;"
    case "'": result += "&#39;"
    // A NUL ends text in some parsers, and HTML has no way to write it.
    case "\0": result += "\u{FFFD}"
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result
}

/// JSON made safe inside a `<script>` element, where `</script>` and `<!--` would be seen by the HTML parser.
package func scriptJSON(_ value: JSONValue) -> String {
  var result = ""
  for scalar in value.compact.unicodeScalars {
    switch scalar {
    // These can only stand inside JSON strings, where the escape means the same character.
    case "<": result += "\\u003c"
    case ">": result += "\\u003e"
    case "&": result += "\\u0026"
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result
}
