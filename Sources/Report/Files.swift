// Whoever writes a report writes files: they come with the room.
@_exported import Files
