import ArgumentParser
import Foundation
import Likely

/// An option that contradicts the data or the model, found after parsing.
struct UsageError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// Exit codes of sysexits.h.
enum ExitStatus {
  static let usage: Int32 = 64
  static let badData: Int32 = 65
  static let missingInput: Int32 = 66
  static let internalError: Int32 = 70
  static let cannotCreate: Int32 = 73
  static let cannotWrite: Int32 = 74
  static let tryAgain: Int32 = 75

  /// The code of an error of the library; `nil` for those that the argument parser reports itself.
  static func code(of error: any Error) -> Int32? {
    switch error {
    case let error as InterpolantError:
      switch error {
      case .dimensionMismatch, .nonFiniteData, .pairsDiffer, .tooFewRows, .columnsDiffer: badData
      default: usage
      }
    case let error as TableError: tableCode(error)
    case let error as StorageError: storageCode(error)
    case let error as FileWriteError: error.step == .create ? cannotCreate : cannotWrite
    case let error as RunFolderError:
      switch error {
      case .missing: missingInput
      case .occupied, .notWritable: cannotCreate
      case .unreadable: badData
      }
    case let error as TrainingError:
      switch error {
      case .interrupted: tryAgain
      case .nothingToResume: missingInput
      case .nonFinite, .mismatch: badData
      }
    case is SteeringError: usage
    case is ExternalProcessError: badData
    case let error as CorrectorError:
      switch error {
      case .option, .incompatible: usage
      case .shapes, .score, .collapsed: badData
      }
    case let error as DiffusionError: if case .option = error { usage } else { badData }
    case let error as LanguageError: error.kind == .missing ? missingInput : badData
    case let error as StatisticsError:
      switch error.kind {
      case .missing: missingInput
      case .option: usage
      case .badData, .noAnswer: badData
      }
    case let error as TextError: error.kind == .missingFile ? missingInput : badData
    case let error as MaskedDiffusionError: maskedDiffusionCode(error)
    case is NGramError: badData
    case is ParticleError: badData
    case is DataSetError: missingInput
    case let error as GaussianMixtureFileError:
      FileManager.default.fileExists(atPath: error.file) ? badData : missingInput
    case is ModelFileError, is ModuleStateError, is ParameterError,
      is SolverError:
      badData
    case let error as ConfigurationFileError: error.isMissing ? missingInput : usage
    case is UnknownExperiment, is UnknownPart, is UsageError: usage
    case is UnsuitableTableError: badData
    case is TorchError: internalError
    default: nil
    }
  }

  private static func maskedDiffusionCode(_ error: MaskedDiffusionError) -> Int32 {
    switch error {
    case .option, .promptLength, .impossiblePrompt: usage
    case .symbol, .mask, .tooShort: badData
    }
  }

  private static func tableCode(_ error: TableError) -> Int32 {
    switch error.kind {
    case .missingFile: missingInput
    case .unknownColumn, .duplicateColumn, .unsupportedFormat: usage
    default: badData
    }
  }

  private static func storageCode(_ error: StorageError) -> Int32 {
    switch error.kind {
    case .missing, .cannotRead: missingInput
    // Nothing had been written when the temporary file could not be made.
    case .cannotWrite: error.found.hasPrefix("create:") ? cannotCreate : cannotWrite
    default: badData
    }
  }
}
