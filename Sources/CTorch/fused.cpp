// Functions with closed derivatives, made of libtorch's operations: they keep less for the backward pass, and go over
// memory fewer times, than a recording of their parts would.
#include "rows.hpp"

#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>

using namespace bridge;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

namespace {

bool records(at::TensorList inputs) {
  if (!at::GradMode::is_enabled()) return false;
  for (const auto &x : inputs)
    if (x.defined() && x.requires_grad()) return true;
  return false;
}

// The pairs (x_i, x_{i + half}) turned by angles with the given cosines and `sign` times the sines.
at::Tensor rotated(const at::Tensor &x, const at::Tensor &cos, const at::Tensor &sin, double sign) {
  auto half = cos.size(-1), rest = x.size(-1) - 2 * half;
  auto result = at::empty_like(x);
  auto a = x.narrow(-1, 0, half), b = x.narrow(-1, half, half);
  auto turned_a = result.narrow(-1, 0, half), turned_b = result.narrow(-1, half, half);
  at::mul_out(turned_a, a, cos);
  turned_a.addcmul_(b, sin, -sign);
  at::mul_out(turned_b, b, cos);
  turned_b.addcmul_(a, sin, sign);
  if (rest > 0) result.narrow(-1, 2 * half, rest).copy_(x.narrow(-1, 2 * half, rest));
  return result;
}

struct Rotation : Function<Rotation> {
  static at::Tensor forward(AutogradContext *context, at::Tensor x, at::Tensor cos, at::Tensor sin) {
    context->save_for_backward({cos, sin});
    return rotated(x, cos, sin, 1);
  }
  static variable_list backward(AutogradContext *context, variable_list gradients) {
    auto saved = context->get_saved_variables();
    return {rotated(gradients[0], saved[0], saved[1], -1), {}, {}};
  }
};

// silu(a) b of the halves [a, b] of the last axis.
struct GatedSiLU : Function<GatedSiLU> {
  static at::Tensor forward(AutogradContext *context, at::Tensor x) {
    context->save_for_backward({x});
    return value(x);
  }
  static at::Tensor value(const at::Tensor &x) {
    if (rows_of_floats(x) && x.size(-1) % 2 == 0) return row_gate(x);
    auto halves = x.chunk(2, -1);
    return at::silu(halves[0]).mul_(halves[1]);
  }
  static variable_list backward(AutogradContext *context, variable_list gradients) {
    auto x = context->get_saved_variables()[0];
    if (rows_of_floats(x) && gradients[0].scalar_type() == at::kFloat) return {row_gate_slopes(x, gradients[0])};
    auto halves = x.chunk(2, -1);
    auto result = at::empty_like(x);
    auto parts = result.chunk(2, -1);
    parts[0].copy_(at::silu_backward(gradients[0] * halves[1], halves[0]));
    at::mul_out(parts[1], at::silu(halves[0]), gradients[0]);
    return {result};
  }
};

// x/√(mean x² + ε) w over the last axis. Half precision is normalised in single, as models of it were trained.
struct RootMeanSquareNorm : Function<RootMeanSquareNorm> {
  static at::Tensor wide(const at::Tensor &x) {
    return x.scalar_type() == at::kHalf || x.scalar_type() == at::kBFloat16 ? x.to(at::kFloat) : x;
  }
  static at::Tensor scale(const at::Tensor &x, double epsilon) {
    auto norm = at::linalg_vector_norm(x, 2, at::IntArrayRef{-1}, true);
    return norm.square_().div_(x.size(-1)).add_(epsilon).rsqrt_();
  }
  static at::Tensor normalised(const at::Tensor &x, const at::Tensor &scale, const at::Tensor &weight,
                               at::ScalarType type) {
    auto y = at::mul(x, scale);
    return y.scalar_type() == type ? y.mul_(weight) : y.to(type).mul(weight);
  }
  static at::Tensor forward(AutogradContext *context, at::Tensor x, at::Tensor weight, double epsilon) {
    auto single = wide(x);
    auto factor = scale(single, epsilon);
    context->save_for_backward({x, weight, factor});
    return normalised(single, factor, weight, x.scalar_type());
  }
  static variable_list backward(AutogradContext *context, variable_list gradients) {
    auto saved = context->get_saved_variables();
    auto x = wide(saved[0]), weight = saved[1], factor = saved[2];
    auto slope = wide(gradients[0]);
    auto inner = slope * weight;
    auto along = (inner * x).sum(-1, true).mul_(factor * factor * factor).div_(-x.size(-1));
    at::Tensor for_weight;
    if (context->needs_input_grad(1))
      for_weight = (x * factor).mul_(slope).reshape({-1, x.size(-1)}).sum(0).to(weight.scalar_type());
    auto for_x = inner.mul_(factor).addcmul_(x, along);
    return {for_x.to(saved[0].scalar_type()), for_weight, {}};
  }
};

// The type in which matrix products are to be taken.
at::ScalarType product_type(const at::Tensor &hidden) {
  return at::autocast::is_autocast_enabled(hidden.device().type())
             ? at::autocast::get_autocast_dtype(hidden.device().type())
             : hidden.scalar_type();
}

// log softmax(h Wᵀ)[target], and where weights g are given also g (1[target] − softmax) in `slopes`.
at::Tensor log_probabilities(const at::Tensor &hidden, const at::Tensor &table, const at::Tensor &targets,
                             const at::Tensor &weights = {}, at::Tensor *slopes = nullptr) {
  auto logits = at::linear(hidden, table).to(at::kFloat);
  if (rows_of_floats(logits) && logits.is_contiguous()) {
    auto values = row_log_probabilities(logits, targets, weights);
    if (slopes) *slopes = logits;
    return values;
  }
  auto logs = at::log_softmax(logits, -1), places = targets.unsqueeze(1);
  auto values = logs.gather(1, places).squeeze(1);
  if (slopes) {
    auto g = weights.to(at::kFloat).unsqueeze(1);
    *slopes = logs.exp_().mul_(-g).scatter_add_(1, places, g);
  }
  return values;
}

// log softmax(h Wᵀ)[target] of every row, in pieces of rows; logits are found again for the derivative.
struct TokenLogProbabilities : Function<TokenLogProbabilities> {
  static at::Tensor forward(AutogradContext *context, at::Tensor hidden, at::Tensor table, at::Tensor targets,
                            int64_t piece) {
    context->save_for_backward({hidden, table, targets});
    context->saved_data["piece"] = piece;
    context->saved_data["type"] = static_cast<int64_t>(product_type(hidden));
    return values(hidden, table, targets, piece);
  }
  static at::Tensor values(const at::Tensor &hidden, const at::Tensor &table, const at::Tensor &targets,
                           int64_t piece) {
    // Asked before the guard, behind which autocast is off.
    auto type = product_type(hidden);
    c10::impl::ExcludeDispatchKeyGuard without_autocast(c10::autocast_dispatch_keyset);
    auto w = table.to(type);
    auto result = at::empty({hidden.size(0)}, hidden.options().dtype(at::kFloat));
    for (int64_t i = 0; i < hidden.size(0); i += piece) {
      auto n = std::min(piece, hidden.size(0) - i);
      result.narrow(0, i, n).copy_(
          log_probabilities(hidden.narrow(0, i, n).to(type), w, targets.narrow(0, i, n)));
    }
    return result;
  }
  static variable_list backward(AutogradContext *context, variable_list gradients) {
    auto saved = context->get_saved_variables();
    auto hidden = saved[0], table = saved[1], targets = saved[2];
    auto piece = context->saved_data["piece"].toInt();
    auto type = static_cast<at::ScalarType>(context->saved_data["type"].toInt());
    auto w = table.to(type);
    auto for_hidden = context->needs_input_grad(0) ? at::empty_like(hidden) : at::Tensor();
    auto for_table = context->needs_input_grad(1) ? at::zeros_like(table) : at::Tensor();
    for (int64_t i = 0; i < hidden.size(0); i += piece) {
      auto n = std::min(piece, hidden.size(0) - i);
      auto h = hidden.narrow(0, i, n).to(type);
      at::Tensor slope;
      log_probabilities(h, w, targets.narrow(0, i, n), gradients[0].narrow(0, i, n), &slope);
      auto product = slope.to(type);
      if (for_hidden.defined()) for_hidden.narrow(0, i, n).copy_(product.matmul(w));
      if (for_table.defined()) {
        if (type == for_table.scalar_type()) for_table.addmm_(product.t(), h);
        else for_table.add_(product.t().matmul(h));
      }
    }
    return {for_hidden, for_table, {}, {}};
  }
};

// Σ w log softmax(h Wᵀ)[target] for known w: the derivative is taken where the logits are at hand.
struct WeightedLogLikelihood : Function<WeightedLogLikelihood> {
  static at::Tensor forward(AutogradContext *context, at::Tensor hidden, at::Tensor table, at::Tensor targets,
                            at::Tensor weights, int64_t piece) {
    auto type = product_type(hidden);
    c10::impl::ExcludeDispatchKeyGuard without_autocast(c10::autocast_dispatch_keyset);
    auto w = table.to(type);
    auto for_hidden = hidden.requires_grad() ? at::empty_like(hidden) : at::Tensor();
    auto for_table = table.requires_grad() ? at::zeros_like(table) : at::Tensor();
    auto total = at::zeros({}, hidden.options().dtype(at::kDouble));
    for (int64_t i = 0; i < hidden.size(0); i += piece) {
      auto n = std::min(piece, hidden.size(0) - i);
      auto h = hidden.narrow(0, i, n).to(type);
      auto g = weights.narrow(0, i, n);
      at::Tensor slope;
      total += (log_probabilities(h, w, targets.narrow(0, i, n), g, &slope) * g).sum(at::kDouble);
      auto product = slope.to(type);
      if (for_hidden.defined()) for_hidden.narrow(0, i, n).copy_(product.matmul(w));
      if (for_table.defined()) {
        if (type == for_table.scalar_type()) for_table.addmm_(product.t(), h);
        else for_table.add_(product.t().matmul(h));
      }
    }
    context->save_for_backward({for_hidden, for_table});
    return total.to(at::kFloat);
  }
  static variable_list backward(AutogradContext *context, variable_list gradients) {
    auto saved = context->get_saved_variables();
    auto scaled = [&](const at::Tensor &x) { return x.defined() ? x * gradients[0].to(x.scalar_type()) : x; };
    return {scaled(saved[0]), scaled(saved[1]), {}, {}, {}};
  }
};

} // namespace

extern "C" {

ct_tensor ct_rotate(ct_tensor x, ct_tensor cos, ct_tensor sin) {
  return tensor([&] {
    auto input = borrow(x), cosines = borrow(cos), sines = borrow(sin);
    if (records({input})) return Rotation::apply(input, cosines, sines);
    auto by_rows = rows_of_floats(input) && rows_of_floats(cosines) && rows_of_floats(sines) && input.dim() == 4 &&
                   cosines.dim() == 4 && cosines.sizes() == sines.sizes() && cosines.strides() == sines.strides();
    return by_rows ? row_rotated(input, cosines, sines) : rotated(input, cosines, sines, 1);
  });
}
ct_tensor ct_rms_norm(ct_tensor x, const int64_t *shape, int rank, ct_tensor weight, double eps) {
  return tensor([&] {
    auto input = borrow(x);
    if (!weight || rank != 1) return at::rms_norm(input, ints(shape, rank), optional(weight), eps);
    auto w = borrow(weight);
    if (records({input, w})) return RootMeanSquareNorm::apply(input, w, eps);
    if (rows_of_floats(input) && rows_of_floats(w) && input.size(-1) == w.size(0)) return row_norm(input, w, eps);
    auto single = RootMeanSquareNorm::wide(input);
    return RootMeanSquareNorm::normalised(single, RootMeanSquareNorm::scale(single, eps), w, input.scalar_type());
  });
}
ct_tensor ct_gated_silu(ct_tensor x) {
  return tensor([&] {
    auto input = borrow(x);
    return records({input}) ? GatedSiLU::apply(input) : GatedSiLU::value(input);
  });
}
ct_tensor ct_token_log_probabilities(ct_tensor hidden, ct_tensor table, ct_tensor targets, int64_t piece) {
  return tensor([&] {
    auto h = borrow(hidden), w = borrow(table), t = borrow(targets);
    return records({h, w}) ? TokenLogProbabilities::apply(h, w, t, piece)
                           : TokenLogProbabilities::values(h, w, t, piece);
  });
}
ct_tensor ct_weighted_log_likelihood(ct_tensor hidden, ct_tensor table, ct_tensor targets, ct_tensor weights,
                                     int64_t piece) {
  return tensor([&] {
    auto h = borrow(hidden), w = borrow(table), t = borrow(targets), g = borrow(weights);
    if (records({h, w})) return WeightedLogLikelihood::apply(h, w, t, g, piece);
    return (TokenLogProbabilities::values(h, w, t, piece) * g).sum(at::kDouble).to(at::kFloat);
  });
}

} // extern "C"
