// Updates in place: optimisers, moving averages, gradient clipping.
#include "bridge.hpp"

#include <ATen/core/grad_mode.h>

using namespace bridge;

extern "C" {

int ct_fused_adam(const ct_tensor *parameters, const ct_tensor *gradients, const ct_tensor *means,
                  const ct_tensor *squares, const ct_tensor *maxima, const ct_tensor *steps, int count,
                  ct_adam_options o) {
  return status([&] {
    at::NoGradGuard no_grad;
    auto p = list(parameters, count), g = list(gradients, count), m = list(means, count), v = list(squares, count);
    auto x = maxima ? list(maxima, count) : std::vector<at::Tensor>();
    auto s = list(steps, count);
    at::_foreach_add_(s, 1);
    if (o.decoupled)
      at::_fused_adamw_(p, g, m, v, x, s, o.learning_rate, o.beta1, o.beta2, o.weight_decay, o.epsilon, o.amsgrad, false);
    else
      at::_fused_adam_(p, g, m, v, x, s, o.learning_rate, o.beta1, o.beta2, o.weight_decay, o.epsilon, o.amsgrad, false);
  });
}

int ct_fused_sgd(const ct_tensor *parameters, const ct_tensor *gradients, const ct_tensor *momenta, int count,
                 double learning_rate, double momentum, double weight_decay, double dampening, bool nesterov,
                 bool first) {
  return status([&] {
    at::NoGradGuard no_grad;
    auto buffers = momenta ? list(momenta, count) : std::vector<at::Tensor>();
    at::_fused_sgd_(list(parameters, count), list(gradients, count), buffers, weight_decay, momentum, learning_rate,
                    dampening, nesterov, false, first);
  });
}

int ct_rmsprop(const ct_tensor *parameters, const ct_tensor *gradients, const ct_tensor *squares, int count,
               double learning_rate, double decay, double epsilon) {
  return status([&] {
    at::NoGradGuard no_grad;
    auto p = list(parameters, count), g = list(gradients, count), v = list(squares, count);
    at::_foreach_mul_(v, decay);
    at::_foreach_addcmul_(v, g, g, 1 - decay);
    auto scale = at::_foreach_sqrt(v);
    at::_foreach_add_(scale, epsilon);
    at::_foreach_addcdiv_(p, g, scale, -learning_rate);
  });
}

int ct_foreach_lerp(const ct_tensor *targets, const ct_tensor *sources, int count, double weight) {
  return status([&] {
    at::NoGradGuard no_grad;
    at::_foreach_lerp_(list(targets, count), list(sources, count), weight);
  });
}
int ct_foreach_add(const ct_tensor *targets, const ct_tensor *sources, int count, double alpha) {
  return status([&] {
    at::NoGradGuard no_grad;
    at::_foreach_add_(list(targets, count), list(sources, count), alpha);
  });
}
int ct_foreach_mul(const ct_tensor *targets, int count, double factor) {
  return status([&] {
    at::NoGradGuard no_grad;
    at::_foreach_mul_(list(targets, count), factor);
  });
}
int ct_copy_into(ct_tensor target, ct_tensor source) {
  return status([&] {
    at::NoGradGuard no_grad;
    borrow(target).copy_(borrow(source));
  });
}
ct_tensor ct_clip_gradients(const ct_tensor *gradients, int count, double limit) {
  return tensor([&] {
    at::NoGradGuard no_grad;
    auto g = list(gradients, count);
    auto norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(g, 2)));
    // A norm of NaN leaves the gradients as they are, so that the caller can still tell which one is the culprit.
    if (limit > 0) at::_foreach_mul_(g, at::nan_to_num(at::clamp_max(limit / (norm + 1e-6), 1), 1.0));
    return norm;
  });
}

} // extern "C"
