// The exponential linear units. libtorch's forward kernel costs a quarter of the matrix product before it; this one,
// with its exponential written so that the compiler makes vector instructions of it, a tenth of that.
#include "bridge.hpp"

#include <bit>
#include <torch/csrc/autograd/custom_function.h>

using namespace bridge;

namespace {

// y = scale · (x > 0 ? x : alpha · (eˣ − 1)), relative error of eˣ − 1 below 3·10⁻⁷. x and y may be the same.
__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"))) void
elu_kernel(const float *x, float *y, int64_t count, float alpha, float scale) {
  // Over its own input, too, an element depends on no other: without a word the loop would then not be vectorised.
#pragma clang loop vectorize(assume_safety)
  for (int64_t i = 0; i < count; i++) {
    float v = x[i];
    // Below, eˣ − 1 is −1 in float and 2ⁿ would leave its range; NaN passes.
    float a = v < -80.0f ? -80.0f : v;
    a = a > 0.0f ? 0.0f : a;
    // x = n ln 2 + r: adding 1.5·2²³ rounds to the whole number n and leaves it in the low bits.
    float shifted = a * 1.44269504f + 12582912.0f;
    float n = shifted - 12582912.0f;
    float r = (a - n * 0.693359375f) + n * 2.12194440e-4f;
    float power = std::bit_cast<float>((std::bit_cast<uint32_t>(shifted) << 23) + 0x3f800000u);
    float q = 1.0f / 2 + r * (1.0f / 6 + r * (1.0f / 24 + r * (1.0f / 120 + r * (1.0f / 720 + r * (1.0f / 5040)))));
    // eˣ − 1 = 2ⁿ (eʳ − 1) + (2ⁿ − 1) loses nothing near 0, where n = 0.
    float exponential = power * (r + r * r * q) + (power - 1.0f);
    y[i] = scale * (v > 0.0f ? v : alpha * exponential);
  }
}

bool has_kernel(const at::Tensor &x) {
  return x.is_cpu() && x.scalar_type() == at::kFloat && x.is_non_overlapping_and_dense() && !x.is_neg();
}

at::Tensor elu_into(const at::Tensor &x, const at::Tensor &y, double alpha, double scale) {
  auto *from = x.const_data_ptr<float>();
  auto *to = y.mutable_data_ptr<float>();
  int64_t count = x.numel(), piece = 1 << 15;
  parallel((count + piece - 1) / piece, [=](int64_t i) {
    int64_t start = i * piece;
    elu_kernel(from + start, to + start, std::min(piece, count - start), alpha, scale);
  });
  return y;
}

// The slope follows from the value, so the backward pass needs no exponential; it is made of libtorch's own
// operations, which differentiate again.
struct ELU : torch::autograd::Function<ELU> {
  static at::Tensor forward(torch::autograd::AutogradContext *context, const at::Tensor &x, double alpha, double scale) {
    auto y = elu_into(x, at::empty_like(x), alpha, scale);
    context->save_for_backward({y});
    context->saved_data["alpha"] = alpha;
    context->saved_data["scale"] = scale;
    return y;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext *context,
                                                 const torch::autograd::variable_list &gradients) {
    auto y = context->get_saved_variables()[0];
    auto alpha = context->saved_data["alpha"].toDouble(), scale = context->saved_data["scale"].toDouble();
    return {at::elu_backward(gradients[0], alpha, scale, 1, true, y), at::Tensor(), at::Tensor()};
  }
};

} // namespace

at::Tensor bridge::elu(const at::Tensor &x, double alpha, double scale) {
  // Tangents of forward differentiation pass through libtorch's own; so does alpha < 0, whose value hides the slope.
  if (!has_kernel(x) || x._fw_grad(0).defined() || alpha < 0) return at::elu(x, alpha, scale);
  if (at::GradMode::is_enabled() && x.requires_grad()) return ELU::apply(x, alpha, scale);
  return elu_into(x, at::empty_like(x), alpha, scale);
}

void bridge::elu_(const at::Tensor &x, double alpha, double scale) {
  if (!has_kernel(x) || x._fw_grad(0).defined() || alpha < 0) {
    at::elu_(const_cast<at::Tensor &>(x), alpha, scale);
    return;
  }
  elu_into(x, x, alpha, scale);
}
