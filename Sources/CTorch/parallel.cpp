// Independent pieces of work on libtorch's own threads.
#include "bridge.hpp"

#include <ATen/Parallel.h>
#include <atomic>
#include <dlfcn.h>

// A piece runs inside an OpenMP region, where libtorch and its BLAS keep every operation on the calling thread.
// at::parallel_for would need a compiler with libtorch's OpenMP; its runtime, however, is loaded with libtorch, and
// both GNU's and Intel's offer this entry.
void bridge::parallel(int64_t count, c10::function_ref<void(int64_t)> body) {
  using Region = void (*)(void (*)(void *), void *, unsigned, unsigned);
  static const auto region = reinterpret_cast<Region>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
  struct Work {
    std::atomic<int64_t> next{0};
    int64_t count;
    c10::function_ref<void(int64_t)> body;
  } work{.count = count, .body = body};
  auto run = [](void *shared) {
    auto &work = *static_cast<Work *>(shared);
    for (int64_t i = work.next++; i < work.count; i = work.next++) work.body(i);
  };
  if (region && count > 1 && at::get_num_threads() > 1 && !at::in_parallel_region())
    region(run, &work, 0, 0);
  else
    run(&work);
}

extern "C" void ct_parallel(int64_t count, void (*body)(int64_t, void *), void *context) {
  bridge::parallel(count, [=](int64_t i) { body(i, context); });
}
