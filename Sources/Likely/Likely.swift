@_exported import Torch
@_exported import Report
@_exported import Probability
@_exported import Sampling
@_exported import Solvers
@_exported import Training
@_exported import Generative
@_exported import Reproductions
