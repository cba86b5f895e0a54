// Elementwise operations, reductions, sorting and searching.
#include "bridge.hpp"

using namespace bridge;

namespace {
at::Tensor contiguous(const at::Tensor &a) { return a.contiguous(); }

at::OptionalIntArrayRef axes_or_all(const int64_t *axes, int count) {
  return count ? at::OptionalIntArrayRef(ints(axes, count)) : at::OptionalIntArrayRef(std::nullopt);
}
// Reductions that insist on a list of axes get every axis spelt out.
std::vector<int64_t> axes_spelt(const at::Tensor &a, const int64_t *axes, int count) {
  std::vector<int64_t> result(axes, axes + count);
  if (!count)
    for (int64_t i = 0; i < a.dim(); i++) result.push_back(i);
  return result;
}
int pair(std::tuple<at::Tensor, at::Tensor> result, ct_tensor *first, ct_tensor *second) {
  *first = give(std::get<0>(result));
  *second = give(std::get<1>(result));
  return 0;
}
} // namespace

extern "C" {

using namespace at;

#define CT_DEFINE_UNARY(op) \
  ct_tensor ct_##op(ct_tensor a) { return tensor([&] { return op(borrow(a)); }); }
#define CT_DEFINE_BINARY(op) \
  ct_tensor ct_##op(ct_tensor a, ct_tensor b) { return tensor([&] { return at::op(borrow(a), borrow(b)); }); }
#define CT_DEFINE_SCALAR(op) \
  ct_tensor ct_##op##_scalar(ct_tensor a, double b) { \
    return tensor([&] { auto x = borrow(a); return at::op(x, scalar(x, b)); }); \
  }
CT_UNARY_OPS(CT_DEFINE_UNARY)
CT_BINARY_OPS(CT_DEFINE_BINARY)
CT_SCALAR_OPS(CT_DEFINE_SCALAR)

ct_tensor ct_sum(ct_tensor a, const int64_t *axes, int count, bool keep) {
  return bridge::tensor([&] { return at::sum(borrow(a), axes_or_all(axes, count), keep); });
}
ct_tensor ct_mean(ct_tensor a, const int64_t *axes, int count, bool keep) {
  return bridge::tensor([&] { return at::mean(borrow(a), axes_or_all(axes, count), keep); });
}
ct_tensor ct_var(ct_tensor a, const int64_t *axes, int count, double correction, bool keep) {
  return bridge::tensor([&] { return at::var(borrow(a), axes_or_all(axes, count), std::optional<Scalar>(correction), keep); });
}
ct_tensor ct_amax(ct_tensor a, const int64_t *axes, int count, bool keep) {
  return bridge::tensor([&] { return at::amax(borrow(a), axes_spelt(borrow(a), axes, count), keep); });
}
ct_tensor ct_amin(ct_tensor a, const int64_t *axes, int count, bool keep) {
  return bridge::tensor([&] { return at::amin(borrow(a), axes_spelt(borrow(a), axes, count), keep); });
}
ct_tensor ct_logsumexp(ct_tensor a, const int64_t *axes, int count, bool keep) {
  return bridge::tensor([&] { return at::logsumexp(borrow(a), axes_spelt(borrow(a), axes, count), keep); });
}
ct_tensor ct_norm(ct_tensor a, double order, const int64_t *axes, int count, bool keep) {
  return bridge::tensor([&] { return at::linalg_vector_norm(borrow(a), order, axes_or_all(axes, count), keep); });
}
ct_tensor ct_prod(ct_tensor a, int64_t axis, bool keep) {
  return bridge::tensor([&] { return at::prod(borrow(a), axis, keep); });
}
ct_tensor ct_all(ct_tensor a, const int64_t *axes, int count, bool keep) {
  return bridge::tensor([&] { return at::all(borrow(a), axes_or_all(axes, count), keep); });
}
ct_tensor ct_any(ct_tensor a, const int64_t *axes, int count, bool keep) {
  return bridge::tensor([&] { return at::any(borrow(a), axes_or_all(axes, count), keep); });
}
ct_tensor ct_argmax(ct_tensor a, int64_t axis, bool keep) {
  return bridge::tensor([&] { return at::argmax(borrow(a), axis, keep); });
}
ct_tensor ct_argmin(ct_tensor a, int64_t axis, bool keep) {
  return bridge::tensor([&] { return at::argmin(borrow(a), axis, keep); });
}
ct_tensor ct_cumsum(ct_tensor a, int64_t axis) {
  return bridge::tensor([&] { return at::cumsum(borrow(a), axis); });
}
ct_tensor ct_cumprod(ct_tensor a, int64_t axis) {
  return bridge::tensor([&] { return at::cumprod(borrow(a), axis); });
}
ct_tensor ct_logcumsumexp(ct_tensor a, int64_t axis) {
  return bridge::tensor([&] { return at::logcumsumexp(borrow(a), axis); });
}
int ct_cummax(ct_tensor a, int64_t axis, ct_tensor *values, ct_tensor *indices) {
  return guarded(-1, [&] { return pair(at::cummax(borrow(a), axis), values, indices); });
}
int ct_sort(ct_tensor a, int64_t axis, bool descending, bool stable, ct_tensor *values, ct_tensor *indices) {
  return guarded(-1, [&] { return pair(at::sort(borrow(a), std::optional<bool>(stable), axis, descending), values, indices); });
}
int ct_topk(ct_tensor a, int64_t k, int64_t axis, bool largest, ct_tensor *values, ct_tensor *indices) {
  return guarded(-1, [&] { return pair(at::topk(borrow(a), k, axis, largest, true), values, indices); });
}
int ct_unique(ct_tensor a, ct_tensor *values, ct_tensor *inverse, ct_tensor *counts) {
  return status([&] {
    auto [v, i, c] = at::_unique2(borrow(a), true, true, true);
    *values = give(v);
    *inverse = give(i);
    *counts = give(c);
  });
}
ct_tensor ct_searchsorted(ct_tensor sorted, ct_tensor values, bool right) {
  return bridge::tensor([&] { return at::searchsorted(borrow(sorted).contiguous(), borrow(values).contiguous(), false, right); });
}
ct_tensor ct_clamp(ct_tensor a, double low, double high) {
  return bridge::tensor([&] {
    auto x = borrow(a);
    std::optional<Scalar> lo, hi;
    if (low > -INFINITY) lo = scalar(x, low);
    if (high < INFINITY) hi = scalar(x, high);
    return lo || hi ? at::clamp(x, lo, hi) : x;
  });
}
ct_tensor ct_quantile(ct_tensor a, ct_tensor q, int64_t axis, bool keep) {
  return bridge::tensor([&] { return at::quantile(borrow(a), borrow(q), axis, keep, "linear"); });
}
ct_tensor ct_lerp(ct_tensor a, ct_tensor b, double weight) {
  return bridge::tensor([&] { return at::lerp(borrow(a), borrow(b), weight); });
}
ct_tensor ct_addcmul(ct_tensor a, ct_tensor b, ct_tensor c, double value) {
  return bridge::tensor([&] { return at::addcmul(borrow(a), borrow(b), borrow(c), value); });
}
ct_tensor ct_add_scaled(ct_tensor a, ct_tensor b, double factor) {
  return bridge::tensor([&] { return at::add(borrow(a), borrow(b), factor); });
}
ct_tensor ct_scalar_minus(double a, ct_tensor b) {
  return bridge::tensor([&] { auto x = borrow(b); return at::rsub(x, scalar(x, a)); });
}
ct_tensor ct_scalar_over(double a, ct_tensor b) {
  return bridge::tensor([&] { return at::mul(at::reciprocal(borrow(b)), a); });
}
ct_tensor ct_scalar_pow(double a, ct_tensor b) {
  return bridge::tensor([&] { auto x = borrow(b); return at::pow(scalar(x, a), x); });
}
ct_tensor ct_softmax(ct_tensor a, int64_t axis) {
  return bridge::tensor([&] { return at::softmax(borrow(a), axis); });
}
ct_tensor ct_log_softmax(ct_tensor a, int64_t axis) {
  return bridge::tensor([&] { return at::log_softmax(borrow(a), axis); });
}
ct_tensor ct_gelu(ct_tensor a, bool tanh_approximation) {
  return bridge::tensor([&] { return at::gelu(borrow(a), tanh_approximation ? "tanh" : "none"); });
}
ct_tensor ct_leaky_relu(ct_tensor a, double slope) {
  return bridge::tensor([&] { return at::leaky_relu(borrow(a), slope); });
}
ct_tensor ct_elu(ct_tensor a, double alpha) {
  return bridge::tensor([&] { return bridge::elu(borrow(a), alpha, 1); });
}
ct_tensor ct_selu(ct_tensor a) {
  return bridge::tensor([&] { return bridge::elu(borrow(a), selu_alpha, selu_scale); });
}
bool ct_equal(ct_tensor a, ct_tensor b) {
  return guarded(false, [&] { return at::equal(borrow(a), borrow(b)); });
}

} // extern "C"
