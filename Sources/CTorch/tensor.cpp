// Creation, properties, shape and indexing.
#include "bridge.hpp"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/core/List.h>
#include <cstdlib>
#include <torch/headeronly/version.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

using namespace bridge;

std::string &bridge::last_error() {
  static thread_local std::string message;
  return message;
}

// glibc gives freed activations back to the system and takes them again, page by page, at every step of a training;
// tens of megabytes kept cost less. What `MALLOC_TRIM_THRESHOLD_` and its like set stays.
[[gnu::constructor]] static void keep_freed_memory() {
#ifdef __GLIBC__
  if (!std::getenv("MALLOC_TRIM_THRESHOLD_")) mallopt(M_TRIM_THRESHOLD, 128 << 20);
  if (!std::getenv("MALLOC_MMAP_THRESHOLD_")) mallopt(M_MMAP_THRESHOLD, 16 << 20);
#endif
}

extern "C" {

const char *ct_last_error(void) { return last_error().c_str(); }
const char *ct_version(void) { return TORCH_VERSION; }
bool ct_cuda_available(void) { return at::hasCUDA(); }
void ct_set_threads(int count) { at::set_num_threads(count); }
int ct_threads(void) { return at::get_num_threads(); }
const char *ct_cpu_capability(void) {
  static const std::string name = at::get_cpu_capability();
  return name.c_str();
}

void ct_retain(ct_tensor a) { c10::raw::intrusive_ptr::incref(reinterpret_cast<c10::TensorImpl *>(a)); }
void ct_release(ct_tensor a) { c10::raw::intrusive_ptr::decref(reinterpret_cast<c10::TensorImpl *>(a)); }

ct_tensor ct_from_bytes(const void *bytes, const int64_t *shape, int rank, int dtype, int device, int index) {
  return tensor([&] {
    auto host = at::empty(ints(shape, rank), options(dtype, 0, 0));
    if (host.nbytes()) std::memcpy(host.data_ptr(), bytes, host.nbytes());
    return host.to(options(dtype, device, index).device());
  });
}

ct_tensor ct_from_mapped(void *bytes, const int64_t *shape, int rank, int dtype, void (*deleter)(void *), void *context) {
  return tensor([&] {
    return at::from_blob(bytes, ints(shape, rank), [deleter, context](void *) { deleter(context); }, options(dtype, 0, 0));
  });
}

ct_tensor ct_full(const int64_t *shape, int rank, double value, int dtype, int device, int index) {
  return tensor([&] { return at::full(ints(shape, rank), value, options(dtype, device, index)); });
}
ct_tensor ct_empty(const int64_t *shape, int rank, int dtype, int device, int index) {
  return tensor([&] { return at::empty(ints(shape, rank), options(dtype, device, index)); });
}
ct_tensor ct_arange(double start, double end, double step, int dtype, int device, int index) {
  return tensor([&] { return at::arange(start, end, step, options(dtype, device, index)); });
}
ct_tensor ct_linspace(double start, double end, int64_t count, int dtype, int device, int index) {
  return tensor([&] { return at::linspace(start, end, count, options(dtype, device, index)); });
}
ct_tensor ct_eye(int64_t n, int dtype, int device, int index) {
  return tensor([&] { return at::eye(n, options(dtype, device, index)); });
}

int ct_rank(ct_tensor a) { return static_cast<int>(reinterpret_cast<c10::TensorImpl *>(a)->dim()); }
void ct_shape(ct_tensor a, int64_t *out) {
  auto sizes = reinterpret_cast<c10::TensorImpl *>(a)->sizes();
  std::copy(sizes.begin(), sizes.end(), out);
}
int64_t ct_count(ct_tensor a) { return reinterpret_cast<c10::TensorImpl *>(a)->numel(); }
int ct_dtype(ct_tensor a) { return static_cast<int>(borrow(a).scalar_type()); }
int ct_device(ct_tensor a, int *index) {
  auto device = reinterpret_cast<c10::TensorImpl *>(a)->device();
  *index = device.index();
  return static_cast<int>(device.type());
}
bool ct_is_contiguous(ct_tensor a) { return borrow(a).is_contiguous(); }

int ct_copy_bytes(ct_tensor a, void *out, size_t bytes) {
  return status([&] {
    auto host = borrow(a).detach().to(at::kCPU).contiguous();
    TORCH_CHECK(host.nbytes() == bytes, "the tensor holds ", host.nbytes(), " bytes, not ", bytes);
    if (bytes) std::memcpy(out, host.data_ptr(), bytes);
  });
}
int ct_item(ct_tensor a, double *out) {
  return status([&] { *out = borrow(a).item().toDouble(); });
}
int ct_item_int64(ct_tensor a, int64_t *out) {
  return status([&] { *out = borrow(a).item().toLong(); });
}
ct_tensor ct_to(ct_tensor a, int dtype, int device, int index) {
  return tensor([&] { return borrow(a).to(options(dtype, device, index)); });
}

ct_tensor ct_reshape(ct_tensor a, const int64_t *shape, int rank) {
  return tensor([&] { return borrow(a).reshape(ints(shape, rank)); });
}
ct_tensor ct_expand(ct_tensor a, const int64_t *shape, int rank) {
  return tensor([&] { return borrow(a).expand(ints(shape, rank)); });
}
ct_tensor ct_permute(ct_tensor a, const int64_t *axes, int rank) {
  return tensor([&] { return borrow(a).permute(ints(axes, rank)); });
}
ct_tensor ct_transpose(ct_tensor a, int64_t i, int64_t j) {
  return tensor([&] { return borrow(a).transpose(i, j); });
}
ct_tensor ct_squeeze(ct_tensor a, int64_t axis) {
  return tensor([&] { return borrow(a).squeeze(axis); });
}
ct_tensor ct_unsqueeze(ct_tensor a, int64_t axis) {
  return tensor([&] { return borrow(a).unsqueeze(axis); });
}
ct_tensor ct_flatten(ct_tensor a, int64_t start, int64_t end) {
  return tensor([&] { return borrow(a).flatten(start, end); });
}
ct_tensor ct_cat(const ct_tensor *parts, int count, int64_t axis) {
  return tensor([&] { return at::cat(list(parts, count), axis); });
}
ct_tensor ct_stack(const ct_tensor *parts, int count, int64_t axis) {
  return tensor([&] { return at::stack(list(parts, count), axis); });
}
int ct_split(ct_tensor a, int64_t size, int64_t axis, ct_tensor *out, int capacity) {
  return guarded(-1, [&] {
    auto parts = borrow(a).split(size, axis);
    TORCH_CHECK(static_cast<int>(parts.size()) <= capacity, "split gives ", parts.size(), " parts");
    for (size_t i = 0; i < parts.size(); i++) out[i] = give(parts[i]);
    return static_cast<int>(parts.size());
  });
}
ct_tensor ct_repeat(ct_tensor a, const int64_t *counts, int rank) {
  return tensor([&] { return borrow(a).repeat(ints(counts, rank)); });
}
ct_tensor ct_repeat_interleave(ct_tensor a, int64_t count, int64_t axis) {
  return tensor([&] { return borrow(a).repeat_interleave(count, axis); });
}
ct_tensor ct_flip(ct_tensor a, const int64_t *axes, int count) {
  return tensor([&] { return borrow(a).flip(ints(axes, count)); });
}
ct_tensor ct_roll(ct_tensor a, int64_t shift, int64_t axis) {
  return tensor([&] { return borrow(a).roll(shift, axis); });
}
ct_tensor ct_tril(ct_tensor a, int64_t diagonal) {
  return tensor([&] { return borrow(a).tril(diagonal); });
}
ct_tensor ct_triu(ct_tensor a, int64_t diagonal) {
  return tensor([&] { return borrow(a).triu(diagonal); });
}
ct_tensor ct_diagonal(ct_tensor a, int64_t offset, int64_t axis1, int64_t axis2) {
  return tensor([&] { return borrow(a).diagonal(offset, axis1, axis2); });
}
ct_tensor ct_diag_embed(ct_tensor a) {
  return tensor([&] { return borrow(a).diag_embed(); });
}
ct_tensor ct_slice(ct_tensor a, int64_t axis, int64_t start, int64_t end, int64_t step) {
  return tensor([&] { return borrow(a).slice(axis, start, end, step); });
}
ct_tensor ct_select(ct_tensor a, int64_t axis, int64_t index) {
  return tensor([&] { return borrow(a).select(axis, index); });
}

static c10::List<std::optional<at::Tensor>> index_list(const ct_tensor *indices, int count) {
  c10::List<std::optional<at::Tensor>> result;
  for (int i = 0; i < count; i++) result.push_back(optional(indices[i]));
  return result;
}
ct_tensor ct_index(ct_tensor a, const ct_tensor *indices, int count) {
  return tensor([&] { return at::index(borrow(a), index_list(indices, count)); });
}
ct_tensor ct_index_put(ct_tensor a, const ct_tensor *indices, int count, ct_tensor values, bool accumulate) {
  return tensor([&] { return at::index_put(borrow(a), index_list(indices, count), borrow(values), accumulate); });
}
ct_tensor ct_index_select(ct_tensor a, int64_t axis, ct_tensor index) {
  return tensor([&] { return borrow(a).index_select(axis, borrow(index)); });
}
ct_tensor ct_masked_select(ct_tensor a, ct_tensor mask) {
  return tensor([&] { return borrow(a).masked_select(borrow(mask)); });
}
ct_tensor ct_masked_fill(ct_tensor a, ct_tensor mask, double value) {
  return tensor([&] { return borrow(a).masked_fill(borrow(mask), scalar(borrow(a), value)); });
}
ct_tensor ct_where(ct_tensor condition, ct_tensor a, ct_tensor b) {
  return tensor([&] { return at::where(borrow(condition), borrow(a), borrow(b)); });
}
ct_tensor ct_gather(ct_tensor a, int64_t axis, ct_tensor index) {
  return tensor([&] { return borrow(a).gather(axis, borrow(index)); });
}
ct_tensor ct_scatter(ct_tensor a, int64_t axis, ct_tensor index, ct_tensor source) {
  return tensor([&] { return borrow(a).scatter(axis, borrow(index), borrow(source)); });
}
ct_tensor ct_scatter_add(ct_tensor a, int64_t axis, ct_tensor index, ct_tensor source) {
  return tensor([&] { return borrow(a).scatter_add(axis, borrow(index), borrow(source)); });
}
ct_tensor ct_index_add(ct_tensor a, int64_t axis, ct_tensor index, ct_tensor source) {
  return tensor([&] { return borrow(a).index_add(axis, borrow(index), borrow(source)); });
}
ct_tensor ct_slice_scatter(ct_tensor a, ct_tensor source, int64_t axis, int64_t start, int64_t end) {
  return tensor([&] { return at::slice_scatter(borrow(a), borrow(source), axis, start, end, 1); });
}
ct_tensor ct_pad_constant(ct_tensor a, const int64_t *padding, int count, double value) {
  return tensor([&] { return at::constant_pad_nd(borrow(a), ints(padding, count), value); });
}
ct_tensor ct_one_hot(ct_tensor a, int64_t classes) {
  return tensor([&] { return at::one_hot(borrow(a), classes); });
}
ct_tensor ct_bincount(ct_tensor a, int64_t minimum_length) {
  return tensor([&] { return at::bincount(borrow(a), {}, minimum_length); });
}
int ct_meshgrid(const ct_tensor *axes, int count, ct_tensor *out) {
  return status([&] {
    auto grids = at::meshgrid(list(axes, count), "ij");
    for (int i = 0; i < count; i++) out[i] = give(grids[i]);
  });
}

} // extern "C"
