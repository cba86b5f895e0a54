// Reproductions
