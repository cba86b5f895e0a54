// Torch
