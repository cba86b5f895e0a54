// Loops over rows of floats. For one or two rows, such as one token of a text, libtorch's operations take longer to begin
// than to do; gates and log-probabilities of many rows are one pass over memory where libtorch's operations make several.
// Nothing is recorded, and no row depends on threads or neighbours.
#include "rows.hpp"

#include "lanes.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

using namespace bridge;

namespace {

using Lanes = float __attribute__((vector_size(64)));
constexpr int64_t width = 16;

INLINE void load(Lanes &to, const float *from) { std::memcpy(&to, from, sizeof to); }
INLINE void load(Lanes &to, const at::BFloat16 *from) {
  using Halves = uint16_t __attribute__((vector_size(32)));
  using Words = uint32_t __attribute__((vector_size(64)));
  Halves halves;
  std::memcpy(&halves, from, sizeof halves);
  Words words = __builtin_convertvector(halves, Words) << 16;
  std::memcpy(&to, &words, sizeof to);
}
INLINE float sum(const Lanes &x) {
  float total = 0;
  for (int64_t i = 0; i < width; i++) total += x[i];
  return total;
}

// x becomes e^x: 2^n times a polynomial of what is left of x beside n ln 2, to about one unit in the last place; 0 and ∞ at the ends
// become the nearest numbers in range.
INLINE void exponentiate(Lanes &x) {
  using Integers = int32_t __attribute__((vector_size(64)));
  const Lanes low = Lanes{} - 87, high = Lanes{} + 88;
  x = x < low ? low : x;
  x = x > high ? high : x;
  // Adding and taking away so much leaves a whole number.
  constexpr float rounding = 12582912;
  Lanes n = (x * 1.44269504f + rounding) - rounding;
  Lanes r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  Lanes y = ((((1.9875691500e-4f * r + 1.3981999507e-3f) * r + 8.3334519073e-3f) * r + 4.1665795894e-2f) * r +
             1.6666665459e-1f) * r + 5.0000001201e-1f;
  y = y * r * r + r + 1;
  Integers powers = (__builtin_convertvector(n, Integers) + 127) << 23;
  Lanes scale;
  std::memcpy(&scale, &powers, sizeof scale);
  x = y * scale;
}

// Loads what is left of a row, and `empty` in the lanes behind it.
INLINE void load_rest(Lanes &to, const float *from, int64_t count, float empty) {
  for (int64_t i = 0; i < width; i++) to[i] = i < count ? from[i] : empty;
}
INLINE void store(float *to, const Lanes &from, int64_t count) {
  if (count >= width) std::memcpy(to, &from, sizeof from);
  else for (int64_t i = 0; i < count; i++) to[i] = from[i];
}
INLINE void load_up_to(Lanes &to, const float *from, int64_t count, float empty) {
  if (count >= width) load(to, from);
  else load_rest(to, from, count, empty);
}

// y_o = w_o · x for the rows first ..< end of w.
template <class Weight>
INLINE void products(const Weight *w, const float *x, float *y, int64_t first, int64_t end, int64_t inputs) {
  constexpr int64_t together = 4;
  for (int64_t o = first; o < end; o += together) {
    // The last rows are taken again where fewer than four are left: the same products, the same sums.
    auto start = std::max(first, std::min(o, end - together));
    auto count = std::min(together, end - start);
    Lanes sums[together] = {};
    int64_t i = 0;
    for (; i + width <= inputs; i += width) {
      Lanes v, row;
      load(v, x + i);
      for (int64_t k = 0; k < together; k++) {
        load(row, w + (start + std::min(k, count - 1)) * inputs + i);
        sums[k] += row * v;
      }
    }
    for (int64_t k = 0; k < count; k++) {
      auto total = sum(sums[k]);
      for (auto j = i; j < inputs; j++) total += static_cast<float>(w[(start + k) * inputs + j]) * x[j];
      y[start + k] = total;
    }
  }
}
FOR_ALL_PROCESSORS void products_single(const float *w, const float *x, float *y, int64_t first, int64_t end,
                                        int64_t inputs) {
  products(w, x, y, first, end, inputs);
}
FOR_ALL_PROCESSORS void products_half(const at::BFloat16 *w, const float *x, float *y, int64_t first, int64_t end,
                                      int64_t inputs) {
  products(w, x, y, first, end, inputs);
}

FOR_ALL_PROCESSORS void normalise(const float *x, const float *w, float *y, int64_t n, double epsilon) {
  Lanes squares = {}, v, scale;
  int64_t i = 0;
  for (; i + width <= n; i += width) {
    load(v, x + i);
    squares += v * v;
  }
  auto total = sum(squares);
  for (; i < n; i++) total += x[i] * x[i];
  auto factor = static_cast<float>(1 / std::sqrt(total / static_cast<double>(n) + epsilon));
  for (i = 0; i + width <= n; i += width) {
    load(v, x + i);
    load(scale, w + i);
    v = v * factor * scale;
    std::memcpy(y + i, &v, sizeof v);
  }
  for (; i < n; i++) y[i] = x[i] * factor * w[i];
}

FOR_ALL_PROCESSORS void turn(const float *x, const float *cos, const float *sin, float *y, int64_t half, int64_t n) {
  for (int64_t i = 0; i < half; i++) {
    auto a = x[i], b = x[half + i];
    y[i] = a * cos[i] - b * sin[i];
    y[half + i] = b * cos[i] + a * sin[i];
  }
  std::copy(x + 2 * half, x + n, y + 2 * half);
}

// silu(a) b of the halves of a row, and its derivatives times g.
FOR_ALL_PROCESSORS void gate(const float *x, float *y, int64_t half) {
  Lanes a, b;
  for (int64_t i = 0; i < half; i += width) {
    load_up_to(a, x + i, half - i, 0);
    load_up_to(b, x + half + i, half - i, 0);
    Lanes e = -a;
    exponentiate(e);
    store(y + i, a / (1 + e) * b, half - i);
  }
}
FOR_ALL_PROCESSORS void gate_slopes(const float *x, const float *g, float *y, int64_t half) {
  Lanes a, b, slope;
  for (int64_t i = 0; i < half; i += width) {
    load_up_to(a, x + i, half - i, 0);
    load_up_to(b, x + half + i, half - i, 0);
    load_up_to(slope, g + i, half - i, 0);
    Lanes e = -a;
    exponentiate(e);
    Lanes s = 1 / (1 + e);
    store(y + i, slope * b * s * (1 + a * (1 - s)), half - i);
    store(y + half + i, slope * a * s, half - i);
  }
}

// log softmax(x)[target]; where g is given, x becomes g (1[target] − softmax(x)).
FOR_ALL_PROCESSORS float log_probability(float *x, int64_t n, int64_t target, const float *g) {
  constexpr auto lowest = -std::numeric_limits<float>::infinity();
  Lanes v, top;
  load_rest(top, x, 0, lowest);
  for (int64_t i = 0; i < n; i += width) {
    load_up_to(v, x + i, n - i, lowest);
    top = v > top ? v : top;
  }
  auto highest = lowest;
  for (int64_t k = 0; k < width; k++) highest = std::max(highest, top[k]);
  auto chosen = x[target] - highest;
  // Sums of some entries at a time: thousands of small numbers added to a large one would be lost.
  double total = 0;
  for (int64_t start = 0; start < n; start += 32 * width) {
    Lanes sums = {};
    for (auto i = start; i < std::min(n, start + 32 * width); i += width) {
      load_up_to(v, x + i, n - i, lowest);
      v -= highest;
      exponentiate(v);
      if (n - i < width)
        for (auto k = n - i; k < width; k++) v[k] = 0;
      sums += v;
      if (g) store(x + i, v, n - i);
    }
    total += sum(sums);
  }
  if (g) {
    auto scale = static_cast<float>(-*g / total);
    for (int64_t i = 0; i < n; i++) x[i] *= scale;
    x[target] += *g;
  }
  return static_cast<float>(chosen - std::log(total));
}

// So much work is worth a second thread.
constexpr int64_t piece_bytes = 1 << 17;

// A tensor that is a block of memory and nothing else: no derivative is carried forward along with it.
bool plain(const at::Tensor &x) { return x.is_cpu() && x.layout() == at::kStrided && !x._fw_grad(0).defined(); }

}  // namespace

bool bridge::few_rows(const at::Tensor &x, const at::Tensor &weight) {
  return x.dim() >= 1 && x.numel() <= 2 * x.size(-1) && x.scalar_type() == weight.scalar_type() &&
         (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) && plain(x) && plain(weight) &&
         weight.is_contiguous();
}

at::Tensor bridge::row_linear(const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias) {
  auto inputs = weight.size(1), outputs = weight.size(0), rows = x.numel() / inputs;
  auto source = x.to(at::kFloat).contiguous();
  auto shape = x.sizes().vec();
  shape.back() = outputs;
  auto result = at::empty(shape, source.options());
  auto bytes = outputs * inputs * weight.element_size();
  auto pieces = std::clamp<int64_t>(bytes / piece_bytes, 1, 64);
  auto *y = result.mutable_data_ptr<float>();
  auto *v = source.const_data_ptr<float>();
  parallel(pieces, [&](int64_t piece) {
    auto first = outputs * piece / pieces, end = outputs * (piece + 1) / pieces;
    for (int64_t row = 0; row < rows; row++) {
      auto *to = y + row * outputs;
      if (weight.scalar_type() == at::kFloat)
        products_single(weight.const_data_ptr<float>(), v + row * inputs, to, first, end, inputs);
      else
        products_half(weight.const_data_ptr<at::BFloat16>(), v + row * inputs, to, first, end, inputs);
    }
  });
  if (bias) result.add_(*bias);
  return result.to(x.scalar_type());
}

bool bridge::rows_of_floats(const at::Tensor &x) {
  return x.scalar_type() == at::kFloat && x.dim() >= 1 && x.numel() > 0 && x.stride(-1) == 1 && plain(x);
}

at::Tensor bridge::row_norm(const at::Tensor &x, const at::Tensor &weight, double epsilon) {
  auto source = x.contiguous(), scale = weight.contiguous();
  auto result = at::empty_like(source);
  auto n = source.size(-1), rows = source.numel() / n;
  auto pieces = std::clamp<int64_t>(rows * n * 4 / piece_bytes, 1, 64);
  parallel(pieces, [&](int64_t piece) {
    for (auto row = rows * piece / pieces; row < rows * (piece + 1) / pieces; row++)
      normalise(source.const_data_ptr<float>() + row * n, scale.const_data_ptr<float>(),
                result.mutable_data_ptr<float>() + row * n, n, epsilon);
  });
  return result;
}

at::Tensor bridge::row_rotated(const at::Tensor &x, const at::Tensor &cos, const at::Tensor &sin) {
  auto result = at::empty(x.sizes(), x.options());
  auto batch = x.size(0), length = x.size(1), heads = x.size(2), n = x.size(3), half = cos.size(-1);
  auto rows = batch * length;
  auto pieces = std::clamp<int64_t>(x.numel() * 4 / piece_bytes, 1, 64);
  auto *to = result.mutable_data_ptr<float>();
  parallel(pieces, [&](int64_t piece) {
    for (auto row = rows * piece / pieces; row < rows * (piece + 1) / pieces; row++) {
      auto b = row / length, t = row % length;
      auto angles = (cos.size(0) > 1 ? b * cos.stride(0) : 0) + t * cos.stride(1);
      for (int64_t head = 0; head < heads; head++)
        turn(x.const_data_ptr<float>() + b * x.stride(0) + t * x.stride(1) + head * x.stride(2),
             cos.const_data_ptr<float>() + angles, sin.const_data_ptr<float>() + angles, to + (row * heads + head) * n,
             half, n);
    }
  });
  return result;
}

at::Tensor bridge::row_gate(const at::Tensor &x) {
  auto source = x.contiguous();
  auto shape = x.sizes().vec();
  auto n = shape.back(), rows = source.numel() / n;
  shape.back() = n / 2;
  auto result = at::empty(shape, source.options());
  auto pieces = std::clamp<int64_t>(rows * n * 4 / piece_bytes, 1, 64);
  parallel(pieces, [&](int64_t piece) {
    for (auto row = rows * piece / pieces; row < rows * (piece + 1) / pieces; row++)
      gate(source.const_data_ptr<float>() + row * n, result.mutable_data_ptr<float>() + row * (n / 2), n / 2);
  });
  return result;
}

at::Tensor bridge::row_gate_slopes(const at::Tensor &x, const at::Tensor &gradient) {
  auto source = x.contiguous(), slopes = gradient.contiguous();
  auto result = at::empty_like(source);
  auto n = source.size(-1), rows = source.numel() / n;
  auto pieces = std::clamp<int64_t>(rows * n * 4 / piece_bytes, 1, 64);
  parallel(pieces, [&](int64_t piece) {
    for (auto row = rows * piece / pieces; row < rows * (piece + 1) / pieces; row++)
      gate_slopes(source.const_data_ptr<float>() + row * n, slopes.const_data_ptr<float>() + row * (n / 2),
                  result.mutable_data_ptr<float>() + row * n, n / 2);
  });
  return result;
}

at::Tensor bridge::row_log_probabilities(at::Tensor &logits, const at::Tensor &targets, const at::Tensor &weights) {
  auto rows = logits.size(0), n = logits.size(1);
  auto result = at::empty({rows}, logits.options());
  auto places = targets.to(at::kLong).contiguous();
  auto scales = weights.defined() ? weights.to(at::kFloat).contiguous() : at::Tensor();
  TORCH_CHECK(rows == 0 || (places.min().item<int64_t>() >= 0 && places.max().item<int64_t>() < n),
              "a target outside the ", n, " entries of the table");
  auto pieces = std::clamp<int64_t>(rows * n * 4 / piece_bytes, 1, 64);
  auto *x = logits.mutable_data_ptr<float>();
  auto *to = result.mutable_data_ptr<float>();
  auto *target = places.const_data_ptr<int64_t>();
  auto *g = scales.defined() ? scales.const_data_ptr<float>() : nullptr;
  parallel(pieces, [&](int64_t piece) {
    for (auto row = rows * piece / pieces; row < rows * (piece + 1) / pieces; row++)
      to[row] = log_probability(x + row * n, n, target[row], g ? g + row : nullptr);
  });
  return result;
}

extern "C" ct_tensor ct_row_linear(ct_tensor x, ct_tensor weight, ct_tensor bias) {
  return tensor([&] {
    auto input = borrow(x), w = borrow(weight);
    TORCH_CHECK(input.size(-1) == w.size(1), "linear: ", input.sizes(), " by ", w.sizes());
    return few_rows(input, w) ? row_linear(input, w, optional(bias)) : at::linear(input, w, optional(bias));
  });
}
