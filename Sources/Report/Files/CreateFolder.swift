import Foundation

/// Creates a folder and the folders above it; one that exists is left alone.
///
/// - Throws: `FileWriteError` with the folder that could not be made and the system's reason, which
///   Foundation's own function does not tell.
public func createFolder(at url: URL) throws(FileWriteError) {
  let path = url.path(percentEncoded: false)
  if mkdir(path, 0o777) == 0 { return }
  let code = errno
  if code == ENOENT, url.pathComponents.count > 1 {
    try createFolder(at: url.standardizedFileURL.deletingLastPathComponent())
    if mkdir(path, 0o777) == 0 { return }
    throw FileWriteError(step: .create, path: path, code: errno)
  }
  var isFolder = stat()
  if code == EEXIST, stat(path, &isFolder) == 0, isFolder.st_mode & S_IFMT == S_IFDIR { return }
  throw FileWriteError(step: .create, path: path, code: code == EEXIST ? ENOTDIR : code)
}
