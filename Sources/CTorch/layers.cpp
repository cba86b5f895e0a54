// Layers and mixed precision.
#include "bridge.hpp"

#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

using namespace bridge;

namespace {

// oneDNN's product of a matrix in its own order, which libtorch offers through the dispatcher alone.
const std::optional<c10::OperatorHandle> &reorder_operator() {
  static const auto found = c10::Dispatcher::singleton().findSchema({"mkldnn::_reorder_linear_weight", ""});
  return found;
}
const std::optional<c10::OperatorHandle> &linear_operator() {
  static const auto found = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
  return found;
}

} // namespace

extern "C" {

ct_tensor ct_linear(ct_tensor x, ct_tensor weight, ct_tensor bias) {
  return tensor([&] { return at::linear(borrow(x), borrow(weight), optional(bias)); });
}
ct_tensor ct_embedding(ct_tensor weight, ct_tensor indices) {
  return tensor([&] { return at::embedding(borrow(weight), borrow(indices)); });
}
ct_tensor ct_layer_norm(ct_tensor x, const int64_t *shape, int rank, ct_tensor weight, ct_tensor bias, double eps) {
  return tensor([&] { return at::layer_norm(borrow(x), ints(shape, rank), optional(weight), optional(bias), eps); });
}
ct_tensor ct_group_norm(ct_tensor x, int64_t groups, ct_tensor weight, ct_tensor bias, double eps) {
  return tensor([&] { return at::group_norm(borrow(x), groups, optional(weight), optional(bias), eps); });
}
ct_tensor ct_conv(int rank, ct_tensor x, ct_tensor weight, ct_tensor bias, const int64_t *stride,
                  const int64_t *padding, const int64_t *dilation, int64_t groups) {
  return tensor([&] {
    auto s = ints(stride, rank), p = ints(padding, rank), d = ints(dilation, rank);
    return rank == 1 ? at::conv1d(borrow(x), borrow(weight), optional(bias), s, p, d, groups)
                     : at::conv2d(borrow(x), borrow(weight), optional(bias), s, p, d, groups);
  });
}
ct_tensor ct_conv_transpose(int rank, ct_tensor x, ct_tensor weight, ct_tensor bias, const int64_t *stride,
                            const int64_t *padding, const int64_t *output_padding, int64_t groups,
                            const int64_t *dilation) {
  return tensor([&] {
    auto s = ints(stride, rank), p = ints(padding, rank), o = ints(output_padding, rank), d = ints(dilation, rank);
    return rank == 1 ? at::conv_transpose1d(borrow(x), borrow(weight), optional(bias), s, p, o, groups, d)
                     : at::conv_transpose2d(borrow(x), borrow(weight), optional(bias), s, p, o, groups, d);
  });
}
ct_tensor ct_avg_pool2d(ct_tensor x, int64_t size, int64_t stride) {
  return tensor([&] { return at::avg_pool2d(borrow(x), {size, size}, {stride, stride}); });
}
ct_tensor ct_max_pool2d(ct_tensor x, int64_t size, int64_t stride) {
  return tensor([&] { return at::max_pool2d(borrow(x), {size, size}, {stride, stride}); });
}
ct_tensor ct_interpolate(ct_tensor x, const int64_t *size, int rank, int mode) {
  return tensor([&] {
    auto input = borrow(x);
    auto target = ints(size, rank);
    if (rank == 1) return mode == 0 ? at::upsample_nearest1d(input, target) : at::upsample_linear1d(input, target, false);
    return mode == 0 ? at::upsample_nearest2d(input, target) : at::upsample_bilinear2d(input, target, false);
  });
}
ct_tensor ct_attention(ct_tensor q, ct_tensor k, ct_tensor v, ct_tensor mask, bool causal, double scale,
                       bool grouped) {
  return tensor([&] {
    return at::scaled_dot_product_attention(borrow(q), borrow(k), borrow(v), optional(mask), 0.0, causal,
                                            scale > 0 ? std::optional<double>(scale) : std::nullopt, grouped);
  });
}
ct_tensor ct_cross_entropy(ct_tensor logits, ct_tensor target, int reduction, int64_t ignore) {
  return tensor([&] { return at::cross_entropy_loss(borrow(logits), borrow(target), {}, reduction, ignore); });
}
ct_tensor ct_dropout_mask(ct_tensor x, ct_tensor uniform, double rate) {
  return tensor([&] { return borrow(x) * (borrow(uniform) >= rate) / (1 - rate); });
}
int ct_activate_in_place(ct_tensor x, int kind) {
  return status([&] {
    auto a = borrow(x);
    switch (kind) {
    case 0: at::relu_(a); break;
    case 1: at::silu_(a); break;
    case 2: at::tanh_(a); break;
    case 3: at::gelu_(a); break;
    case 4: at::selu_(a); break;
    case 5: at::sigmoid_(a); break;
    default: TORCH_CHECK(false, "no activation ", kind);
    }
  });
}
int ct_multiply_in_place(ct_tensor a, ct_tensor b) {
  return status([&] { borrow(a).mul_(borrow(b)); });
}
bool ct_has_packed_linear(void) {
  return guarded(false, [] {
    return at::globalContext().hasMKLDNN() && reorder_operator().has_value() && linear_operator().has_value();
  });
}
// Called through a stack, since the C++ types of the two may change with libtorch's version.
ct_tensor ct_pack_weight(ct_tensor weight, int64_t rows) {
  return tensor([&] {
    torch::jit::Stack stack{borrow(weight), rows};
    reorder_operator()->callBoxed(stack);
    return stack.at(0).toTensor();
  });
}
ct_tensor ct_packed_linear(ct_tensor x, ct_tensor packed, ct_tensor bias) {
  return tensor([&] {
    torch::jit::Stack stack{borrow(x), borrow(packed), optional(bias), "none", c10::List<std::optional<at::Scalar>>(), ""};
    linear_operator()->callBoxed(stack);
    return stack.at(0).toTensor();
  });
}
ct_tensor ct_folded_selu(ct_tensor negated, double alpha) {
  return tensor([&] {
    auto y = borrow(negated);
    return at::sigmoid(y).reciprocal_().clamp_max_(2).sub_(y.clamp_max_(0), 1 / alpha);
  });
}
void ct_autocast(bool enabled, int dtype) {
  at::autocast::set_autocast_dtype(at::kCPU, static_cast<at::ScalarType>(dtype));
  at::autocast::set_autocast_dtype(at::kCUDA, static_cast<at::ScalarType>(dtype));
  at::autocast::set_autocast_enabled(at::kCPU, enabled);
  at::autocast::set_autocast_enabled(at::kCUDA, enabled);
  // Casts of the weights are kept for the scope: a weight that is used twice is cast once.
  at::autocast::set_autocast_cache_enabled(true);
  if (!enabled) at::autocast::clear_cache();
}
bool ct_autocast_enabled(void) { return at::autocast::is_autocast_enabled(at::kCPU); }

} // extern "C"
