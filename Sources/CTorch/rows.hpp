// Loops over a few rows of floats; see rows.cpp.
#pragma once

#include "bridge.hpp"

namespace bridge {

// Whether row_linear is for these: at most two rows on the processor, in one type.
bool few_rows(const at::Tensor &x, const at::Tensor &weight);
// x Wᵀ + b; sums are taken in single precision.
at::Tensor row_linear(const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias);

// Whether the others are for this: single precision on the processor, entries of a row side by side.
bool rows_of_floats(const at::Tensor &x);
at::Tensor row_norm(const at::Tensor &x, const at::Tensor &weight, double epsilon);
// x [batch, length, heads, width], angles [batch or 1, length, 1, pairs].
at::Tensor row_rotated(const at::Tensor &x, const at::Tensor &cos, const at::Tensor &sin);

// silu(a) b of the halves [a, b] of rows, and its derivatives times those of the result.
at::Tensor row_gate(const at::Tensor &x);
at::Tensor row_gate_slopes(const at::Tensor &x, const at::Tensor &gradient);
// log softmax(logits)[target] of contiguous rows; with weights g the logits become g (1[target] − softmax).
at::Tensor row_log_probabilities(at::Tensor &logits, const at::Tensor &targets, const at::Tensor &weights);

}  // namespace bridge
