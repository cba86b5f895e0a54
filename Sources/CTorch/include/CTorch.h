// libtorch behind a C interface, without policy.
//
// A `ct_tensor` is one retained reference to a TensorImpl: every function that returns one hands the
// reference to the caller, who gives it back with `ct_release`. A function that fails returns NULL (or
// a negative number) and leaves the reason in `ct_last_error()` of the calling thread; no C++ exception
// crosses this boundary. dtype codes are c10::ScalarType's, device types are c10::DeviceType's.
#ifndef CTORCH_H
#define CTORCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

typedef struct ct_opaque *ct_tensor;

// Same-shaped operations are declared from lists, so that header and implementation cannot disagree.
#define CT_UNARY_OPS(X)                                                                            \
  X(neg) X(abs) X(sign) X(exp) X(expm1) X(log) X(log1p) X(log2) X(log10) X(sqrt) X(rsqrt)         \
  X(square) X(reciprocal) X(sin) X(cos) X(tan) X(asin) X(acos) X(atan) X(sinh) X(cosh) X(tanh)    \
  X(sigmoid) X(relu) X(selu) X(silu) X(softplus) X(log_sigmoid) X(floor) X(ceil) X(round) X(trunc) \
  X(erf) X(erfc) X(erfinv) X(lgamma) X(digamma) X(i0) X(isnan) X(isinf) X(isfinite)               \
  X(logical_not) X(real) X(imag) X(conj) X(angle) X(view_as_real) X(view_as_complex) X(detach)    \
  X(contiguous) X(clone) X(nonzero) X(special_log_ndtr) X(special_ndtri) X(frac)                  \
  X(inverse) X(det) X(logdet) X(matrix_exp) X(trace)

#define CT_BINARY_OPS(X)                                                                           \
  X(add) X(sub) X(mul) X(div) X(pow) X(maximum) X(minimum) X(fmod) X(remainder) X(atan2)          \
  X(eq) X(ne) X(lt) X(le) X(gt) X(ge) X(logical_and) X(logical_or) X(logical_xor) X(logaddexp)    \
  X(matmul) X(xlogy) X(igamma) X(igammac) X(floor_divide) X(outer) X(dot) X(hypot)

#define CT_SCALAR_OPS(X)                                                                           \
  X(add) X(sub) X(mul) X(div) X(pow) X(eq) X(ne) X(lt) X(le) X(gt) X(ge) X(fmod) X(remainder)

#define CT_DECLARE_UNARY(op) ct_tensor ct_##op(ct_tensor a);
#define CT_DECLARE_BINARY(op) ct_tensor ct_##op(ct_tensor a, ct_tensor b);
#define CT_DECLARE_SCALAR(op) ct_tensor ct_##op##_scalar(ct_tensor a, double b);
CT_UNARY_OPS(CT_DECLARE_UNARY)
CT_BINARY_OPS(CT_DECLARE_BINARY)
CT_SCALAR_OPS(CT_DECLARE_SCALAR)

// Library
const char *ct_last_error(void);
const char *ct_version(void);
bool ct_cuda_available(void);
void ct_set_threads(int count);
int ct_threads(void);
// body(0, context) … body(count − 1, context), side by side, each on one thread.
void ct_parallel(int64_t count, void (*body)(int64_t, void *), void *context);
const char *ct_cpu_capability(void);

// Handles
void ct_retain(ct_tensor a);
void ct_release(ct_tensor a);

// tensor.cpp: creation, properties, shape, indexing
ct_tensor ct_from_bytes(const void *bytes, const int64_t *shape, int rank, int dtype, int device, int index);
ct_tensor ct_from_mapped(void *bytes, const int64_t *shape, int rank, int dtype,
                         void (*deleter)(void *), void *context);
ct_tensor ct_full(const int64_t *shape, int rank, double value, int dtype, int device, int index);
ct_tensor ct_empty(const int64_t *shape, int rank, int dtype, int device, int index);
ct_tensor ct_arange(double start, double end, double step, int dtype, int device, int index);
ct_tensor ct_linspace(double start, double end, int64_t count, int dtype, int device, int index);
ct_tensor ct_eye(int64_t n, int dtype, int device, int index);
int ct_rank(ct_tensor a);
void ct_shape(ct_tensor a, int64_t *out);
int64_t ct_count(ct_tensor a);
int ct_dtype(ct_tensor a);
int ct_device(ct_tensor a, int *index);
bool ct_is_contiguous(ct_tensor a);
int ct_copy_bytes(ct_tensor a, void *out, size_t bytes);
int ct_item(ct_tensor a, double *out);
int ct_item_int64(ct_tensor a, int64_t *out);
ct_tensor ct_to(ct_tensor a, int dtype, int device, int index);
ct_tensor ct_reshape(ct_tensor a, const int64_t *shape, int rank);
ct_tensor ct_expand(ct_tensor a, const int64_t *shape, int rank);
ct_tensor ct_permute(ct_tensor a, const int64_t *axes, int rank);
ct_tensor ct_transpose(ct_tensor a, int64_t i, int64_t j);
ct_tensor ct_squeeze(ct_tensor a, int64_t axis);
ct_tensor ct_unsqueeze(ct_tensor a, int64_t axis);
ct_tensor ct_flatten(ct_tensor a, int64_t start, int64_t end);
ct_tensor ct_cat(const ct_tensor *parts, int count, int64_t axis);
ct_tensor ct_stack(const ct_tensor *parts, int count, int64_t axis);
int ct_split(ct_tensor a, int64_t size, int64_t axis, ct_tensor *out, int capacity);
ct_tensor ct_repeat(ct_tensor a, const int64_t *counts, int rank);
ct_tensor ct_repeat_interleave(ct_tensor a, int64_t count, int64_t axis);
ct_tensor ct_flip(ct_tensor a, const int64_t *axes, int count);
ct_tensor ct_roll(ct_tensor a, int64_t shift, int64_t axis);
ct_tensor ct_tril(ct_tensor a, int64_t diagonal);
ct_tensor ct_triu(ct_tensor a, int64_t diagonal);
ct_tensor ct_diagonal(ct_tensor a, int64_t offset, int64_t axis1, int64_t axis2);
ct_tensor ct_diag_embed(ct_tensor a);
ct_tensor ct_slice(ct_tensor a, int64_t axis, int64_t start, int64_t end, int64_t step);
ct_tensor ct_select(ct_tensor a, int64_t axis, int64_t index);
ct_tensor ct_index(ct_tensor a, const ct_tensor *indices, int count);
ct_tensor ct_index_put(ct_tensor a, const ct_tensor *indices, int count, ct_tensor values, bool accumulate);
ct_tensor ct_index_select(ct_tensor a, int64_t axis, ct_tensor index);
ct_tensor ct_masked_select(ct_tensor a, ct_tensor mask);
ct_tensor ct_masked_fill(ct_tensor a, ct_tensor mask, double value);
ct_tensor ct_where(ct_tensor condition, ct_tensor a, ct_tensor b);
ct_tensor ct_gather(ct_tensor a, int64_t axis, ct_tensor index);
ct_tensor ct_scatter(ct_tensor a, int64_t axis, ct_tensor index, ct_tensor source);
ct_tensor ct_scatter_add(ct_tensor a, int64_t axis, ct_tensor index, ct_tensor source);
ct_tensor ct_index_add(ct_tensor a, int64_t axis, ct_tensor index, ct_tensor source);
ct_tensor ct_slice_scatter(ct_tensor a, ct_tensor source, int64_t axis, int64_t start, int64_t end);
ct_tensor ct_pad_constant(ct_tensor a, const int64_t *padding, int count, double value);
ct_tensor ct_one_hot(ct_tensor a, int64_t classes);
ct_tensor ct_bincount(ct_tensor a, int64_t minimum_length);
int ct_meshgrid(const ct_tensor *axes, int count, ct_tensor *out);

// math.cpp: reductions, sorting, searching
// `axes` NULL with count 0 reduces over everything.
ct_tensor ct_sum(ct_tensor a, const int64_t *axes, int count, bool keep);
ct_tensor ct_mean(ct_tensor a, const int64_t *axes, int count, bool keep);
ct_tensor ct_var(ct_tensor a, const int64_t *axes, int count, double correction, bool keep);
ct_tensor ct_amax(ct_tensor a, const int64_t *axes, int count, bool keep);
ct_tensor ct_amin(ct_tensor a, const int64_t *axes, int count, bool keep);
ct_tensor ct_logsumexp(ct_tensor a, const int64_t *axes, int count, bool keep);
ct_tensor ct_norm(ct_tensor a, double order, const int64_t *axes, int count, bool keep);
ct_tensor ct_prod(ct_tensor a, int64_t axis, bool keep);
ct_tensor ct_all(ct_tensor a, const int64_t *axes, int count, bool keep);
ct_tensor ct_any(ct_tensor a, const int64_t *axes, int count, bool keep);
ct_tensor ct_argmax(ct_tensor a, int64_t axis, bool keep);
ct_tensor ct_argmin(ct_tensor a, int64_t axis, bool keep);
ct_tensor ct_cumsum(ct_tensor a, int64_t axis);
ct_tensor ct_cumprod(ct_tensor a, int64_t axis);
ct_tensor ct_logcumsumexp(ct_tensor a, int64_t axis);
int ct_cummax(ct_tensor a, int64_t axis, ct_tensor *values, ct_tensor *indices);
int ct_sort(ct_tensor a, int64_t axis, bool descending, bool stable, ct_tensor *values, ct_tensor *indices);
int ct_topk(ct_tensor a, int64_t k, int64_t axis, bool largest, ct_tensor *values, ct_tensor *indices);
int ct_unique(ct_tensor a, ct_tensor *values, ct_tensor *inverse, ct_tensor *counts);
ct_tensor ct_searchsorted(ct_tensor sorted, ct_tensor values, bool right);
ct_tensor ct_clamp(ct_tensor a, double low, double high);
ct_tensor ct_quantile(ct_tensor a, ct_tensor q, int64_t axis, bool keep);
ct_tensor ct_lerp(ct_tensor a, ct_tensor b, double weight);
ct_tensor ct_addcmul(ct_tensor a, ct_tensor b, ct_tensor c, double value);
ct_tensor ct_add_scaled(ct_tensor a, ct_tensor b, double factor);
ct_tensor ct_scalar_minus(double a, ct_tensor b);
ct_tensor ct_scalar_over(double a, ct_tensor b);
ct_tensor ct_scalar_pow(double a, ct_tensor b);
ct_tensor ct_softmax(ct_tensor a, int64_t axis);
ct_tensor ct_log_softmax(ct_tensor a, int64_t axis);
ct_tensor ct_gelu(ct_tensor a, bool tanh_approximation);
ct_tensor ct_leaky_relu(ct_tensor a, double slope);
ct_tensor ct_elu(ct_tensor a, double alpha);
bool ct_equal(ct_tensor a, ct_tensor b);

// linalg.cpp
ct_tensor ct_einsum(const char *equation, const ct_tensor *operands, int count);
ct_tensor ct_addmm(ct_tensor bias, ct_tensor a, ct_tensor b);
ct_tensor ct_cdist(ct_tensor a, ct_tensor b, double p);
ct_tensor ct_cholesky(ct_tensor a, bool upper);
ct_tensor ct_cholesky_solve(ct_tensor b, ct_tensor factor, bool upper);
ct_tensor ct_solve_triangular(ct_tensor a, ct_tensor b, bool upper, bool left, bool unitriangular);
ct_tensor ct_solve(ct_tensor a, ct_tensor b);
int ct_lstsq(ct_tensor a, ct_tensor b, ct_tensor *solution);
int ct_eigh(ct_tensor a, ct_tensor *values, ct_tensor *vectors);
int ct_eig(ct_tensor a, ct_tensor *values, ct_tensor *vectors);
int ct_svd(ct_tensor a, bool full, ct_tensor *u, ct_tensor *s, ct_tensor *vh);
int ct_qr(ct_tensor a, ct_tensor *q, ct_tensor *r);
int ct_slogdet(ct_tensor a, ct_tensor *sign, ct_tensor *logabs);
// kind: 0 fft, 1 ifft, 2 rfft, 3 irfft; n <= 0 keeps the length.
ct_tensor ct_fft(ct_tensor a, int kind, int64_t n, int64_t axis);

// layers.cpp
ct_tensor ct_linear(ct_tensor x, ct_tensor weight, ct_tensor bias);
ct_tensor ct_embedding(ct_tensor weight, ct_tensor indices);
ct_tensor ct_layer_norm(ct_tensor x, const int64_t *shape, int rank, ct_tensor weight, ct_tensor bias, double eps);
ct_tensor ct_group_norm(ct_tensor x, int64_t groups, ct_tensor weight, ct_tensor bias, double eps);
ct_tensor ct_rms_norm(ct_tensor x, const int64_t *shape, int rank, ct_tensor weight, double eps);
// rank: 1 or 2 spatial dimensions; stride, padding, dilation hold `rank` values each.
ct_tensor ct_conv(int rank, ct_tensor x, ct_tensor weight, ct_tensor bias, const int64_t *stride,
                  const int64_t *padding, const int64_t *dilation, int64_t groups);
ct_tensor ct_conv_transpose(int rank, ct_tensor x, ct_tensor weight, ct_tensor bias, const int64_t *stride,
                            const int64_t *padding, const int64_t *output_padding, int64_t groups,
                            const int64_t *dilation);
ct_tensor ct_avg_pool2d(ct_tensor x, int64_t size, int64_t stride);
ct_tensor ct_max_pool2d(ct_tensor x, int64_t size, int64_t stride);
// mode: 0 nearest, 1 (bi)linear without aligned corners.
ct_tensor ct_interpolate(ct_tensor x, const int64_t *size, int rank, int mode);
// Where `grouped`, keys and values have fewer heads than queries, and every one serves as many in turn.
ct_tensor ct_attention(ct_tensor q, ct_tensor k, ct_tensor v, ct_tensor mask, bool causal, double scale, bool grouped);
// reduction: 0 none, 1 mean, 2 sum.
ct_tensor ct_cross_entropy(ct_tensor logits, ct_tensor target, int reduction, int64_t ignore);
ct_tensor ct_dropout_mask(ct_tensor x, ct_tensor uniform, double rate);
// Activation written over its input (only for tensors that nobody else sees and autograd does not record).
int ct_activate_in_place(ct_tensor x, int kind);
int ct_multiply_in_place(ct_tensor a, ct_tensor b);
// A float32 weight [out, in] in the order in which oneDNN multiplies `rows` rows by it, and that product, not
// recorded; only where ct_has_packed_linear.
bool ct_has_packed_linear(void);
ct_tensor ct_pack_weight(ct_tensor weight, int64_t rows);
// linear, for one or two rows by a loop that nothing records.
ct_tensor ct_row_linear(ct_tensor x, ct_tensor weight, ct_tensor bias);
ct_tensor ct_packed_linear(ct_tensor x, ct_tensor packed, ct_tensor bias);
// SELU(x)/(alpha scale) + 2 of y = −x, which it writes over.
ct_tensor ct_folded_selu(ct_tensor negated, double alpha);
void ct_autocast(bool enabled, int dtype);
bool ct_autocast_enabled(void);

// fused.cpp: closed derivatives.
// Pairs (x_i, x_{i + n}) of the last axis turned by angles whose n cosines and sines are given; the rest stays.
ct_tensor ct_rotate(ct_tensor x, ct_tensor cos, ct_tensor sin);
// silu(a) b of the halves [a, b] of the last axis.
ct_tensor ct_gated_silu(ct_tensor x);
// log softmax(hidden tableᵀ)[target] of every row, `piece` rows of logits at a time.
ct_tensor ct_token_log_probabilities(ct_tensor hidden, ct_tensor table, ct_tensor targets, int64_t piece);
// Their sum with weights that are no function of what is differentiated.
ct_tensor ct_weighted_log_likelihood(ct_tensor hidden, ct_tensor table, ct_tensor targets, ct_tensor weights,
                                     int64_t piece);

// autograd.cpp
bool ct_requires_grad(ct_tensor a);
int ct_set_requires_grad(ct_tensor a, bool value);
bool ct_grad_enabled(void);
void ct_set_grad_enabled(bool value);
// grad_outputs may be NULL (ones), out receives one handle an input, NULL where unused.
int ct_gradients(const ct_tensor *outputs, const ct_tensor *grad_outputs, int n_outputs,
                 const ct_tensor *inputs, int n_inputs, bool retain, bool create, ct_tensor *out);
// body(inputs[0]) without its record, which is made again for the backward pass; the other inputs are what else body reads
// and may be differentiated. body borrows its argument and gives its result away; release is called once, at the end.
ct_tensor ct_checkpoint(const ct_tensor *inputs, int count, ct_tensor (*body)(ct_tensor, void *),
                        void (*release)(void *), void *context);
int64_t ct_dual_enter(void);
void ct_dual_exit(int64_t level);
ct_tensor ct_make_dual(ct_tensor primal, ct_tensor tangent, int64_t level);
int ct_unpack_dual(ct_tensor dual, int64_t level, ct_tensor *primal, ct_tensor *tangent);

// random.cpp: every draw has its own generator, whose whole state comes from (key, counter).
typedef struct { uint64_t a, b; } ct_seed;
ct_tensor ct_uniform(const int64_t *shape, int rank, double low, double high, int dtype, int device, int index, ct_seed seed);
ct_tensor ct_normal(const int64_t *shape, int rank, int dtype, int device, int index, ct_seed seed);
ct_tensor ct_exponential(const int64_t *shape, int rank, int dtype, int device, int index, ct_seed seed);
ct_tensor ct_random_int(const int64_t *shape, int rank, int64_t low, int64_t high, int device, int index, ct_seed seed);
ct_tensor ct_permutation(int64_t n, int device, int index, ct_seed seed);
ct_tensor ct_gamma(ct_tensor concentration, ct_seed seed);
ct_tensor ct_poisson(ct_tensor rate, ct_seed seed);
ct_tensor ct_binomial(ct_tensor count, ct_tensor probability, ct_seed seed);
ct_tensor ct_bernoulli(ct_tensor probability, ct_seed seed);
ct_tensor ct_multinomial(ct_tensor weights, int64_t count, bool replacement, ct_seed seed);

// normals.cpp: [groups, count] in double precision on the processor, numbered like RandomSource's own draws.
typedef struct { uint64_t key0, key1, draws; } ct_stream;
ct_tensor ct_normals(const ct_stream *streams, int64_t groups, int64_t count);

// optimisers.cpp: the only functions that change tensors in place.
typedef struct {
  double learning_rate, beta1, beta2, weight_decay, epsilon;
  bool amsgrad, decoupled;
} ct_adam_options;
// v ← αv + (1 − α)g², p ← p − rate·g/(√v + ε).
int ct_rmsprop(const ct_tensor *parameters, const ct_tensor *gradients, const ct_tensor *squares, int count,
               double learning_rate, double decay, double epsilon);
int ct_fused_adam(const ct_tensor *parameters, const ct_tensor *gradients, const ct_tensor *means,
                  const ct_tensor *squares, const ct_tensor *maxima, const ct_tensor *steps, int count,
                  ct_adam_options options);
int ct_fused_sgd(const ct_tensor *parameters, const ct_tensor *gradients, const ct_tensor *momenta, int count,
                 double learning_rate, double momentum, double weight_decay, double dampening, bool nesterov,
                 bool first);
int ct_foreach_lerp(const ct_tensor *targets, const ct_tensor *sources, int count, double weight);
int ct_foreach_add(const ct_tensor *targets, const ct_tensor *sources, int count, double alpha);
int ct_foreach_mul(const ct_tensor *targets, int count, double factor);
int ct_copy_into(ct_tensor target, ct_tensor source);
// Scales the gradients in place so that their joint 2-norm is at most `limit`; returns the norm (0-d).
// limit <= 0 only measures.
ct_tensor ct_clip_gradients(const ct_tensor *gradients, int count, double limit);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif
#endif
