import Foundation

/// Creates a folder and the folders above it; one that exists is left alone.
///
/// - Throws: `FileWriteError` with the folder that could not be made and the system's reason, which
///   Foundation's own function does not tell.
public func createFolder(at url: URL) throws(FileWriteError) {
  try createFolder(path: url.path(percentEncoded: false))
}

private func createFolder(path: String) throws(FileWriteError) {
  if mkdir(path, 0o777) == 0 { return }
  var code = errno
  let parent = folderPath(of: path)
  if code == ENOENT, parent != path, parent != "." {
    try createFolder(path: parent)
    if mkdir(path, 0o777) == 0 { return }
    code = errno
  }
  var status = stat()
  if code == EEXIST, stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return }
  throw FileWriteError(step: .create, path: path, code: code == EEXIST ? ENOTDIR : code)
}
