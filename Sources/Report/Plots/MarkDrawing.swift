import OrderedCollections

/// Turns one mark into Vega-Lite layers.
struct MarkDrawing {
  let mark: Mark
  let data: PlotData
  let x: Axis
  let y: Axis
  let series: OrderedSet<String>
  /// Several histograms overlap, so each must let the others shine through.
  let isCrowded: Bool
  /// Bars of several series stand side by side.
  let isGrouped: Bool

  func layers() -> [JSONValue] {
    switch mark.shape {
    case .line(let dashed):
      var style: JSONObject = ["type": "line"]
      if dashed { style["strokeDash"] = [6, 4] }
      // A dashed line without a name is a reference, which takes the colour of the axes.
      if dashed && data.texts["series"] == nil { style["color"] = PlotTheme.ink }
      var encoding = base(["x", "y"])
      if data.numbers["order"] != nil {
        encoding["order"] = ["field": "order", "type": "quantitative"]
        encoding["detail"] = ["field": "path", "type": "nominal"]
        style["strokeWidth"] = 1.2
        style["opacity"] = 0.7
      }
      return [layer(style, encoding)]
    case .points:
      let style: JSONObject = [
        "type": "circle", "size": data.rowCount > 500 ? 10 : 28,
        "opacity": data.rowCount > 2000 ? 0.45 : data.rowCount > 500 ? 0.6 : 0.85, "tooltip": true,
      ]
      return [layer(style, base(["x", "y"]))]
    case .band:
      return [layer(["type": "area", "opacity": 0.22], base(["x", "y", "y2"]))]
    case .errorBars:
      return [layer(["type": "rule", "strokeWidth": 1.5], base(["x", "y", "y2"]))]
    case .bars(let horizontal): return bars(horizontal)
    case .histogram: return histogram()
    case .cells(let color, let palette): return cells(color, palette)
    case .rule(let label): return rule(label)
    }
  }

  private func bars(_ horizontal: Bool) -> [JSONValue] {
    let offset = horizontal ? "yOffset" : "xOffset"
    var encoding = base(["x", "y"])
    if isGrouped && data.texts["series"] != nil {
      encoding[offset] = ["field": "series", "type": "nominal", "scale": ["domain": seriesDomain]]
    }
    let bar = layer(["type": "bar", "opacity": 0.85, "tooltip": true], encoding)
    guard data.numbers["low"] != nil else { return [bar] }
    let value = horizontal ? "x" : "y"
    encoding[value] = channel("low", horizontal ? x : y)
    encoding["\(value)2"] = ["field": "high"]
    encoding["color"] = nil
    let interval: JSONObject = ["type": "rule", "strokeWidth": 1.5, "color": PlotTheme.ink]
    return [bar, layer(interval, encoding)]
  }

  private func histogram() -> [JSONValue] {
    var rows = data
    // Areas on a log axis need a floor above zero: half of the lowest bar.
    let floor = y.scale == .log ? (data.numbers["y"]?.min() ?? 1) / 2 : 0
    rows.add("floor", [Double](repeating: floor, count: data.rowCount))
    var encoding = base(["x", "x2", "y"])
    encoding["y2"] = ["field": "floor"]
    let style: JSONObject = ["type": "rect", "opacity": isCrowded ? 0.5 : 0.8, "tooltip": true]
    return [layer(style, encoding, rows)]
  }

  private func cells(_ color: Axis, _ palette: Mark.Palette) -> [JSONValue] {
    var encoding = base(["x", "x2", "y", "y2"])
    var scale = self.scale(color)
    switch palette {
    case .sequential: scale["scheme"] = "viridis"
    case .diverging(let center):
      scale["scheme"] = "blueorange"
      scale["domainMid"] = .number(center)
    }
    encoding["color"] = [
      "field": "value", "type": "quantitative", "title": title(color), "scale": .object(scale),
    ]
    return [layer(["type": "rect", "tooltip": true], encoding)]
  }

  private func rule(_ label: String?) -> [JSONValue] {
    guard data.rowCount > 0 else { return [] }
    let isVertical = data.numbers["x"] != nil
    let name = isVertical ? "x" : "y"
    let encoding: JSONObject = [name: channel(name, isVertical ? x : y)]
    let line = layer(
      ["type": "rule", "strokeDash": [4, 3], "color": PlotTheme.ink, "opacity": 0.7], encoding)
    guard let label else { return [line] }
    var text: JSONObject = ["type": "text", "text": .string(label), "fontSize": 11, "color": PlotTheme.ink]
    var place = encoding
    if isVertical {
      place["y"] = ["value": 0]
      text.merge(["align": "left", "baseline": "top", "dx": 5, "dy": 3]) { $1 }
    } else {
      place["x"] = ["value": "width"]
      text.merge(["align": "right", "baseline": "bottom", "dx": -3, "dy": -3]) { $1 }
    }
    return [line, layer(text, place)]
  }

  private func layer(_ style: JSONObject, _ encoding: JSONObject, _ rows: PlotData? = nil) -> JSONValue {
    var style = style
    if x.domain != nil || y.domain != nil { style["clip"] = true }
    return ["data": ["values": (rows ?? data).json], "mark": .object(style), "encoding": .object(encoding)]
  }

  private func base(_ names: [String]) -> JSONObject {
    var encoding: JSONObject = [:]
    for name in names where data.numbers[name] != nil || data.texts[name] != nil {
      encoding[name] = name.hasSuffix("2") ? ["field": .string(name)] : channel(name, name == "x" ? x : y)
    }
    if data.texts["series"] != nil {
      var scale: JSONObject = ["domain": seriesDomain]
      if series.count > PlotTheme.colors.count { scale["scheme"] = "tableau20" }
      encoding["color"] = ["field": "series", "type": "nominal", "title": nil, "scale": .object(scale)]
    }
    return encoding
  }

  private var seriesDomain: JSONValue { .array(series.map(JSONValue.string)) }

  private func channel(_ field: String, _ axis: Axis) -> JSONValue {
    if data.texts[field] != nil {
      // Categories keep the order in which they were given.
      let domain = OrderedSet(data.texts[field]!).map(JSONValue.string)
      let isShort = domain.count <= 12 && data.texts[field]!.allSatisfy { $0.count <= 8 }
      return [
        "field": .string(field), "type": "nominal", "title": title(axis), "sort": nil,
        "axis": ["labelAngle": isShort || field == "y" ? 0 : -35, "grid": false],
      ]
    }
    var channel: JSONObject = [
      "field": .string(field), "type": "quantitative", "title": title(axis), "scale": .object(scale(axis)),
    ]
    // Few ticks, so that beyond four decades only the powers of ten get a line.
    if axis.scale == .log { channel["axis"] = ["tickCount": 4] }
    return .object(channel)
  }

  private func title(_ axis: Axis) -> JSONValue { axis.title.isEmpty ? nil : .string(axis.heading) }

  private func scale(_ axis: Axis) -> JSONObject {
    var scale: JSONObject = [:]
    if axis.scale == .log { scale["type"] = "log" }
    if let domain = axis.domain {
      scale["domain"] = [.number(domain.lowerBound), .number(domain.upperBound)]
      scale["nice"] = false
    } else if !startsAtZero {
      scale["zero"] = false
    }
    return scale
  }

  /// Lengths are only honest from zero; positions need not show it.
  private var startsAtZero: Bool {
    switch mark.shape {
    case .bars: true
    default: false
    }
  }
}
