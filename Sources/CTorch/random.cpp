// Random draws. A draw never touches libtorch's global generator: it makes a generator of its own, whose
// state is expanded from a 128-bit seed, so that equal seeds give equal tensors on equal devices.
#include "bridge.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/native/TensorFactories.h>

using namespace bridge;

namespace {
// mt19937's own seeding takes 32 bits, of which thousands of streams would collide; SplitMix64 over the
// full seed fills its 624 words instead.
at::Generator generator(c10::DeviceType type, int index, ct_seed seed) {
  if (type != c10::kCPU) {
    auto result = at::globalContext().defaultGenerator(c10::Device(type, static_cast<c10::DeviceIndex>(index))).clone();
    result.set_current_seed(mix(seed.a) ^ seed.b);
    return result;
  }
  auto result = at::detail::createCPUGenerator(seed.a);
  at::mt19937_data_pod state;
  state.seed_ = seed.a;
  state.left_ = 1;
  state.seeded_ = true;
  state.next_ = 0;
  uint64_t word = seed.a;
  for (size_t i = 0; i < state.state_.size(); i += 2) {
    word += 0x9e3779b97f4a7c15ULL;
    uint64_t bits = mix(mix(word) ^ seed.b);
    state.state_[i] = static_cast<uint32_t>(bits);
    state.state_[i + 1] = static_cast<uint32_t>(bits >> 32);
  }
  at::mt19937 engine;
  engine.set_data(state);
  at::check_generator<at::CPUGeneratorImpl>(result)->set_engine(engine);
  return result;
}

at::Generator generator_for(const at::Tensor &a, ct_seed seed) {
  return generator(a.device().type(), a.device().index(), seed);
}

at::Generator generator_on(int device, int index, ct_seed seed) {
  return generator(static_cast<c10::DeviceType>(device), index, seed);
}
} // namespace

extern "C" {

ct_tensor ct_uniform(const int64_t *shape, int rank, double low, double high, int dtype, int device, int index, ct_seed seed) {
  return tensor([&] { return at::empty(ints(shape, rank), options(dtype, device, index)).uniform_(low, high, generator_on(device, index, seed)); });
}
ct_tensor ct_normal(const int64_t *shape, int rank, int dtype, int device, int index, ct_seed seed) {
  return tensor([&] {
    auto result = at::empty(ints(shape, rank), options(dtype, device, index));
    if (!result.is_cpu() || result.scalar_type() != at::kDouble) return result.normal_(0, 1, generator_on(device, index, seed));
    fill_normal(result.mutable_data_ptr<double>(), result.numel(), seed);
    return result;
  });
}
ct_tensor ct_exponential(const int64_t *shape, int rank, int dtype, int device, int index, ct_seed seed) {
  return tensor([&] { return at::empty(ints(shape, rank), options(dtype, device, index)).exponential_(1, generator_on(device, index, seed)); });
}
ct_tensor ct_random_int(const int64_t *shape, int rank, int64_t low, int64_t high, int device, int index, ct_seed seed) {
  return tensor([&] {
    auto result = at::empty(ints(shape, rank), options(static_cast<int>(at::kLong), device, index));
    return result.random_(low, high, generator_on(device, index, seed));
  });
}
ct_tensor ct_permutation(int64_t n, int device, int index, ct_seed seed) {
  return tensor([&] { return at::randperm(n, generator_on(device, index, seed), options(static_cast<int>(at::kLong), device, index)); });
}
ct_tensor ct_gamma(ct_tensor concentration, ct_seed seed) {
  return tensor([&] { return at::_standard_gamma(borrow(concentration), generator_for(borrow(concentration), seed)); });
}
ct_tensor ct_poisson(ct_tensor rate, ct_seed seed) {
  return tensor([&] { return at::poisson(borrow(rate), generator_for(borrow(rate), seed)); });
}
ct_tensor ct_binomial(ct_tensor count, ct_tensor probability, ct_seed seed) {
  return tensor([&] { return at::binomial(borrow(count), borrow(probability), generator_for(borrow(count), seed)); });
}
ct_tensor ct_bernoulli(ct_tensor probability, ct_seed seed) {
  return tensor([&] { return at::bernoulli(borrow(probability), generator_for(borrow(probability), seed)); });
}
ct_tensor ct_multinomial(ct_tensor weights, int64_t count, bool replacement, ct_seed seed) {
  return tensor([&] { return at::multinomial(borrow(weights), count, replacement, generator_for(borrow(weights), seed)); });
}

} // extern "C"
