// The least that a program on libtorch can cost to start: it links the library, makes one tensor and ends.
#include <ATen/ATen.h>

int main() { return at::zeros({1}).numel() == 1 ? 0 : 1; }
