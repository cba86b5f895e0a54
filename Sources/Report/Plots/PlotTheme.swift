/// How every plot looks, as a Vega-Lite `config`.
enum PlotTheme {
  /// The colours of Okabe and Ito, told apart with every kind of colour vision; yellow and black are left
  /// out because they vanish on a light and on a dark page.
  static let colors = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C8C8C"]

  /// The same hues, lighter, for a dark page.
  static let darkColors = ["#4DA8E8", "#F0813A", "#2CC49A", "#E09BC4", "#F0B43C", "#8CD0F5", "#A8A8A8"]

  /// Text and lines take the colour of the text around them, so that one drawing suits light and dark pages.
  static let ink: JSONValue = "currentColor"

  static let config: JSONValue = [
    "background": nil,
    "font": "system-ui, 'Segoe UI', 'DejaVu Sans', Helvetica, sans-serif",
    "mark": ["color": .string(colors[0])],
    "view": ["stroke": nil, "continuousWidth": 440, "continuousHeight": 260],
    "title": [
      "anchor": "start", "fontSize": 13, "fontWeight": 600, "color": ink, "subtitleColor": ink, "offset": 10,
    ],
    "axis": [
      "labelColor": ink, "titleColor": ink, "domainColor": ink, "tickColor": ink, "gridColor": ink,
      "gridOpacity": 0.12, "domainOpacity": 0.5, "tickOpacity": 0.5, "labelFontSize": 11, "titleFontSize": 12,
      "titleFontWeight": "normal", "labelOverlap": true, "labelSeparation": 6, "titlePadding": 8,
    ],
    "legend": [
      "labelColor": ink, "titleColor": ink, "labelFontSize": 11, "titleFontSize": 11,
      "titleFontWeight": "normal", "labelLimit": 220, "symbolOpacity": 1,
    ],
    "line": ["strokeWidth": 2, "strokeCap": "round", "strokeJoin": "round"],
    "range": ["category": .array(colors.map(JSONValue.string))],
  ]
}
