// Linear algebra and Fourier transforms.
#include "bridge.hpp"

using namespace bridge;

extern "C" {

ct_tensor ct_einsum(const char *equation, const ct_tensor *operands, int count) {
  return tensor([&] { return at::einsum(equation, list(operands, count)); });
}
ct_tensor ct_addmm(ct_tensor bias, ct_tensor a, ct_tensor b) {
  return tensor([&] { return at::addmm(borrow(bias), borrow(a), borrow(b)); });
}
ct_tensor ct_cdist(ct_tensor a, ct_tensor b, double p) {
  return tensor([&] { return at::cdist(borrow(a), borrow(b), p); });
}
ct_tensor ct_cholesky(ct_tensor a, bool upper) {
  return tensor([&] { return at::linalg_cholesky(borrow(a), upper); });
}
ct_tensor ct_cholesky_solve(ct_tensor b, ct_tensor factor, bool upper) {
  return tensor([&] { return at::cholesky_solve(borrow(b), borrow(factor), upper); });
}
ct_tensor ct_solve_triangular(ct_tensor a, ct_tensor b, bool upper, bool left, bool unitriangular) {
  return tensor([&] { return at::linalg_solve_triangular(borrow(a), borrow(b), upper, left, unitriangular); });
}
ct_tensor ct_solve(ct_tensor a, ct_tensor b) {
  return tensor([&] { return at::linalg_solve(borrow(a), borrow(b)); });
}
int ct_lstsq(ct_tensor a, ct_tensor b, ct_tensor *solution) {
  return status([&] { *solution = give(std::get<0>(at::linalg_lstsq(borrow(a), borrow(b)))); });
}
int ct_eigh(ct_tensor a, ct_tensor *values, ct_tensor *vectors) {
  return status([&] {
    auto [w, v] = at::linalg_eigh(borrow(a));
    *values = give(w);
    *vectors = give(v);
  });
}
int ct_eig(ct_tensor a, ct_tensor *values, ct_tensor *vectors) {
  return status([&] {
    auto [w, v] = at::linalg_eig(borrow(a));
    *values = give(w);
    *vectors = give(v);
  });
}
int ct_svd(ct_tensor a, bool full, ct_tensor *u, ct_tensor *s, ct_tensor *vh) {
  return status([&] {
    auto [left, singular, right] = at::linalg_svd(borrow(a), full);
    *u = give(left);
    *s = give(singular);
    *vh = give(right);
  });
}
int ct_qr(ct_tensor a, ct_tensor *q, ct_tensor *r) {
  return status([&] {
    auto [orthogonal, triangular] = at::linalg_qr(borrow(a));
    *q = give(orthogonal);
    *r = give(triangular);
  });
}
int ct_slogdet(ct_tensor a, ct_tensor *sign, ct_tensor *logabs) {
  return status([&] {
    auto [s, l] = at::linalg_slogdet(borrow(a));
    *sign = give(s);
    *logabs = give(l);
  });
}
ct_tensor ct_fft(ct_tensor a, int kind, int64_t n, int64_t axis) {
  return tensor([&] {
    std::optional<c10::SymInt> length;
    if (n > 0) length = c10::SymInt(n);
    auto x = borrow(a);
    switch (kind) {
    case 0: return at::fft_fft_symint(x, length, axis);
    case 1: return at::fft_ifft_symint(x, length, axis);
    case 2: return at::fft_rfft_symint(x, length, axis);
    default: return at::fft_irfft_symint(x, length, axis);
    }
  });
}

} // extern "C"
