// Reverse and forward differentiation.
#include "bridge.hpp"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/forward_grad.h>

#include <mutex>

using namespace bridge;

extern "C" {

bool ct_requires_grad(ct_tensor a) { return borrow(a).requires_grad(); }
int ct_set_requires_grad(ct_tensor a, bool value) {
  return status([&] { borrow(a).set_requires_grad(value); });
}
bool ct_grad_enabled(void) { return at::GradMode::is_enabled(); }
void ct_set_grad_enabled(bool value) { at::GradMode::set_enabled(value); }

int ct_gradients(const ct_tensor *outputs, const ct_tensor *grad_outputs, int n_outputs, const ct_tensor *inputs,
                 int n_inputs, bool retain, bool create, ct_tensor *out) {
  return status([&] {
    std::vector<at::Tensor> seeds;
    if (grad_outputs) seeds = list(grad_outputs, n_outputs);
    auto gradients = torch::autograd::grad(list(outputs, n_outputs), list(inputs, n_inputs), seeds, retain, create, true);
    for (int i = 0; i < n_inputs; i++) out[i] = give(gradients[i]);
  });
}

// libtorch has one level for the whole process: threads take turns, and only a thread inside itself is refused.
static std::mutex dual_turn;
static thread_local bool dual_inside = false;

int64_t ct_dual_enter(void) {
  if (dual_inside) return -1;
  dual_turn.lock();
  const auto level = guarded(
      static_cast<int64_t>(-1), [&] { return static_cast<int64_t>(torch::autograd::ForwardADLevel::get_next_idx()); });
  dual_inside = level >= 0;
  if (!dual_inside) dual_turn.unlock();
  return level;
}
void ct_dual_exit(int64_t level) {
  torch::autograd::ForwardADLevel::release_idx(static_cast<uint64_t>(level));
  dual_inside = false;
  dual_turn.unlock();
}
ct_tensor ct_make_dual(ct_tensor primal, ct_tensor tangent, int64_t level) {
  return tensor([&] { return at::_make_dual(borrow(primal), borrow(tangent), level); });
}
int ct_unpack_dual(ct_tensor dual, int64_t level, ct_tensor *primal, ct_tensor *tangent) {
  return status([&] {
    auto [p, t] = at::_unpack_dual(borrow(dual), level);
    *primal = give(p);
    *tangent = give(t);
  });
}

} // extern "C"
