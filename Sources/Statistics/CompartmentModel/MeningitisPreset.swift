extension CompartmentModel {
  /// The models that are known by name.
  public static var presets: [CompartmentModel] { [meningitis, endemicCarriers] }

  /// The preset of that name, or the file.
  /// - Throws: ``StatisticsError``.
  public static func named(_ name: String) throws(StatisticsError) -> CompartmentModel {
    if let preset = presets.first(where: { $0.name == name }) { return preset }
    return try CompartmentModel(contentsOf: .init(fileURLWithPath: name, relativeTo: nil))
  }

  private static func preset(_ text: String) -> CompartmentModel {
    do { return try CompartmentModel(text: text, file: "preset") } catch {
      preconditionFailure("\(error)")
    }
  }

  /// Carriers and two stages of meningitis, after Yaga and Saporu 2023: susceptible S, carriers C, infectives I1 and I2,
  /// immune R, dead of the disease D.
  ///
  /// The parameters' notes say what each is. With the options at 0 it is the closed population of the paper, for which
  /// ``MeningitisForms`` has everything in closed form.
  public static let meningitis = preset(
    """
    model meningitis
    time day
    compartments S C I1 I2 R D
    infected C I1 I2

    parameter N = 100000                    # population at the start
    parameter C0 = 100                      # carriers at the start
    parameter I10 = 0                       # stage I at the start
    parameter I20 = 0                       # stage II at the start
    parameter immune = 0                    # immune at the start
    parameter beta = 0.2 per day            # transmission by an infective of stage I
    parameter eps = 1.2                     # transmission by a carrier, relative to stage I
    parameter kap = 0.5                     # transmission by stage II, relative to stage I
    parameter phi = 0 in 0..1               # share of new infections that skip carriage
    parameter th = 0.002 per day            # carriers falling ill
    parameter rC = 0.07 per day             # recovery of carriers
    parameter sg = 0.05 per day             # stage I to stage II
    parameter g1 = 0.10 per day             # recovery from stage I
    parameter d1 = 0.01 per day             # death in stage I
    parameter g2 = 0.08 per day             # recovery from stage II
    parameter d2 = 0.03 per day             # death in stage II
    parameter om = 0 per day                # loss of immunity
    parameter mu = 0 per day                # births and natural deaths
    parameter nu = 0 per day                # vaccination of susceptibles
    parameter living = 0 in 0..1            # 0: contacts among N; 1: among the living
    parameter Ab = 0 in 0..1                # seasonal share of beta
    parameter Ath = 0 in 0..1               # seasonal share of th
    parameter t0 = 0 in -inf..inf           # day of the highest rates, or the first of the dry season
    parameter dry = 0 in 0..365             # days of the dry season; 0: cosine instead of two seasons
    parameter report = 1 in 0..1            # share of stage-I cases that is reported

    let alive = S + C + I1 + I2 + R
    let mixing = (1 - living)*N + living*alive
    let wave = cos(2*pi*(t - t0)/365)
    let square = 2*season(t, 365, t0, dry) - 1
    let shape = wave + (square - wave)*step(dry - 1e-9)
    let force = beta*(1 + Ab*shape)*(eps*C + I1 + kap*I2)/mixing
    let ill = th*(1 + Ath*shape)*C

    infection S -> C : (1 - phi)*force*S
    infection S -> I1 : phi*force*S
    C -> I1 : ill
    C -> R : rC*C
    I1 -> I2 : sg*I1
    I1 -> R : g1*I1
    I1 -> D : d1*I1
    I2 -> R : g2*I2
    I2 -> D : d2*I2
    R -> S : om*R
    S -> R : nu*S
    0 -> S : mu*N
    S -> 0 : mu*S
    C -> 0 : mu*C
    I1 -> 0 : mu*I1
    I2 -> 0 : mu*I2
    R -> 0 : mu*R

    start S = N - C0 - I10 - I20 - immune
    start C = C0
    start I1 = I10
    start I2 = I20
    start R = immune

    observe cases : report*(phi*force*S + ill)
    observe infections : force*S
    """)

  /// Whether it is ``meningitis`` but for its name and the values of its parameters: closed forms hold.
  public var isMeningitis: Bool {
    let preset = Self.meningitis
    return parameters.map(\.name) == preset.parameters.map(\.name) && compartments == preset.compartments
      && flows == preset.flows && starts == preset.starts && formulas.operations == preset.formulas.operations
  }

  /// Carriers alone in weeks and shares, susceptible again after immunity, with a seasonal rate: for counts of an endemic
  /// disease. The start is the equilibrium without seasons.
  public static let endemicCarriers = preset(
    """
    model endemic-carriers
    time week
    compartments S C R
    infected C

    parameter N = 82.4e6                    # population
    parameter beta = 1.3461538461538463 per week   # transmission, mean over the year
    parameter A = 0.4 in -1..1              # seasonal share of beta; below 0: t0 is the lowest week
    parameter t0 = 8 in -52..52             # week of the highest rate
    parameter rC = 0.5 per week             # end of carriage
    parameter om = 0.23076923076923078 per week    # loss of immunity
    parameter th = 6.5e-7 per week          # reported cases a carrier

    let force = beta*(1 + A*cos(2*pi*(t - t0)/52))*C
    infection S -> C : force*S
    C -> R : rC*C
    R -> S : om*R

    start S = min(1, rC/beta)
    start C = om*(1 - min(1, rC/beta))/(om + rC)
    start R = rC*(1 - min(1, rC/beta))/(om + rC)

    observe cases : th*N*C
    """)
}
