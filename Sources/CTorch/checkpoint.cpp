// A function whose record is thrown away and made again for the backward pass: memory for time.
#include "bridge.hpp"

#include <ATen/autocast_mode.h>
#include <memory>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

using namespace bridge;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

namespace {

// A closure of the caller's, held for as long as the graph may need it.
struct Body : torch::CustomClassHolder {
  ct_tensor (*call)(ct_tensor, void *);
  void (*release)(void *);
  void *context;
  Body(ct_tensor (*call)(ct_tensor, void *), void (*release)(void *), void *context)
      : call(call), release(release), context(context) {}
  ~Body() override { release(context); }

  at::Tensor operator()(const at::Tensor &x) const {
    auto *result = reinterpret_cast<c10::TensorImpl *>(call(reinterpret_cast<ct_tensor>(x.unsafeGetTensorImpl()), context));
    return at::Tensor(c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim(result));
  }
};

// Matrix products are taken as they were the first time.
struct SameAutocast {
  at::DeviceType device;
  bool before;
  SameAutocast(at::DeviceType device, bool enabled) : device(device), before(at::autocast::is_autocast_enabled(device)) {
    at::autocast::set_autocast_enabled(device, enabled);
  }
  ~SameAutocast() {
    at::autocast::set_autocast_enabled(device, before);
    if (!before) at::autocast::clear_cache();
  }
};

struct Checkpoint : Function<Checkpoint> {
  static at::Tensor forward(AutogradContext *context, c10::intrusive_ptr<Body> body, at::TensorList inputs) {
    context->save_for_backward(inputs.vec());
    context->saved_data["autocast"] = at::autocast::is_autocast_enabled(inputs[0].device().type());
    context->saved_data["body"] = at::IValue::make_capsule(body);
    return (*body)(inputs[0]);
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "a checkpointed function is differentiated once only");
    auto inputs = context->get_saved_variables();
    auto body = c10::static_intrusive_pointer_cast<Body>(context->saved_data["body"].toCapsule());
    inputs[0] = inputs[0].detach().set_requires_grad(context->needs_input_grad(0));
    at::Tensor y;
    {
      at::AutoGradMode recording(true);
      SameAutocast products(inputs[0].device().type(), context->saved_data["autocast"].toBool());
      y = (*body)(inputs[0]);
    }
    variable_list wanted;
    for (const auto &x : inputs)
      if (x.requires_grad()) wanted.push_back(x);
    auto found = torch::autograd::grad({y}, wanted, gradients, false, false, true);
    variable_list result(inputs.size() + 1);
    for (size_t i = 0, next = 0; i < inputs.size(); i++)
      if (inputs[i].requires_grad()) result[i + 1] = found[next++];
    return result;
  }
};

}  // namespace

extern "C" ct_tensor ct_checkpoint(const ct_tensor *inputs, int count, ct_tensor (*body)(ct_tensor, void *),
                                   void (*release)(void *), void *context) {
  return tensor([&] {
    auto held = c10::make_intrusive<Body>(body, release, context);
    auto all = list(inputs, count);
    return Checkpoint::apply(held, at::TensorList(all));
  });
}
