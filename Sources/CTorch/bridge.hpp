// What every file of the bridge shares: handles to tensors and back, and exceptions into messages.
#pragma once

#include "CTorch.h"

#include <ATen/ATen.h>
#include <c10/util/FunctionRef.h>
#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace bridge {

std::string &last_error();

inline at::Tensor borrow(ct_tensor a) {
  auto *impl = reinterpret_cast<c10::TensorImpl *>(a);
  return at::Tensor(c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::unsafe_reclaim_from_nonowning(impl));
}

inline ct_tensor give(at::Tensor a) {
  return a.defined() ? reinterpret_cast<ct_tensor>(a.unsafeReleaseTensorImpl()) : nullptr;
}

inline std::optional<at::Tensor> optional(ct_tensor a) {
  return a ? std::optional<at::Tensor>(borrow(a)) : std::nullopt;
}

inline std::vector<at::Tensor> list(const ct_tensor *a, int count) {
  std::vector<at::Tensor> result;
  result.reserve(count);
  for (int i = 0; i < count; i++) result.push_back(a[i] ? borrow(a[i]) : at::Tensor());
  return result;
}

inline at::IntArrayRef ints(const int64_t *values, int count) { return {values, static_cast<size_t>(count)}; }

inline at::TensorOptions options(int dtype, int device, int index) {
  auto type = static_cast<c10::DeviceType>(device);
  return at::TensorOptions()
      .dtype(static_cast<at::ScalarType>(dtype))
      .device(type == c10::kCPU ? c10::Device(type) : c10::Device(type, static_cast<c10::DeviceIndex>(index)));
}

// libtorch's message without its C++ stack.
template <class Body, class Result> Result guarded(Result failure, Body &&body) {
  try {
    return body();
  } catch (const c10::Error &e) {
    last_error() = e.what_without_backtrace();
  } catch (const std::exception &e) {
    last_error() = e.what();
  } catch (...) {
    last_error() = "unknown C++ exception";
  }
  return failure;
}

template <class Body> ct_tensor tensor(Body &&body) {
  return guarded(static_cast<ct_tensor>(nullptr), [&] { return give(body()); });
}

template <class Body> int status(Body &&body) {
  return guarded(-1, [&] { body(); return 0; });
}

// A whole number stays a whole number, so that integer tensors are not promoted by `+ 1`.
inline at::Scalar scalar(const at::Tensor &like, double value) {
  if (at::isIntegralType(like.scalar_type(), true) && value == static_cast<double>(static_cast<int64_t>(value)))
    return at::Scalar(static_cast<int64_t>(value));
  return at::Scalar(value);
}

// body(0) … body(count − 1), side by side, each on one thread; body throws nothing.
void parallel(int64_t count, c10::function_ref<void(int64_t)> body);

// SplitMix64's finaliser (Steele, Lea & Flood 2014): every bit of a seed reaches every bit of a state.
inline uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

// normal.cpp: independent standard normals.
void fill_normal(double *values, int64_t count, ct_seed seed);

} // namespace bridge
