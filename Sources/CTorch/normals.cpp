// Normals of double precision from streams that are numbered draw by draw: pair i of a group is Box and Muller's of the
// group's draws 2i and 2i + 1, so nothing depends on threads or on who asks for how many. libtorch draws normals of
// double precision one by one.
#include "bridge.hpp"
#include "lanes.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace bridge;

namespace {

constexpr int64_t width = 8;
using Lanes = double __attribute__((vector_size(64)));
using Words = uint64_t __attribute__((vector_size(64)));
using Integers = int64_t __attribute__((vector_size(64)));

INLINE void mix(Words &z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  z ^= z >> 31;
}

// RandomSource's uniforms on [0, 1) with the given numbers.
INLINE void uniforms(const Words &draws, const ct_stream &stream, Lanes &u) {
  Words z = draws * 0x9e3779b97f4a7c15ULL + stream.key0;
  mix(z);
  z ^= stream.key1;
  mix(z);
  // 53 bits fit a signed number, which every processor converts.
  Integers bits = (Integers)(z >> 11);
  u = __builtin_convertvector(bits, Lanes) * 0x1p-53;
}

// x in (0, 1] becomes log x: the exponent's share and 2 artanh of (m − 1)/(m + 1), m between √½ and √2.
INLINE void logarithm(Lanes &x) {
  Integers bits;
  std::memcpy(&bits, &x, sizeof bits);
  // Moves the seam of the exponents from 1 to √½.
  Integers shifted = bits - 0x3fe6a09e667f3bcdLL;
  Integers exponent = shifted >> 52;
  bits -= exponent << 52;
  Lanes m;
  std::memcpy(&m, &bits, sizeof m);
  Lanes f = (m - 1) / (m + 1), s = f * f;
  Lanes y = Lanes{} + 1.0 / 23;
  for (int k = 21; k >= 3; k -= 2) y = y * s + 1.0 / k;
  Lanes e = __builtin_convertvector(exponent, Lanes);
  // ln 2 in two parts; the first has few enough bits that its multiples are exact.
  x = e * 6.93147180369123816490e-01 + (2 * f + (2 * f * s * y + e * 1.90821492927058770002e-10));
}

// cos and sin of 2πu, u in [0, 1): the nearest quarter of a turn, and series of what is left.
INLINE void turn(const Lanes &u, Lanes &cosine, Lanes &sine) {
  constexpr double rounding = 0x1.8p52;
  Lanes quarters = (u * 4 + rounding) - rounding;
  Lanes r = (u * 4 - quarters) * 1.57079632679489661923, s = r * r;
  Lanes c = Lanes{} + 1.0 / 20922789888000.0;
  c = c * s - 1.0 / 87178291200.0;
  c = c * s + 1.0 / 479001600.0;
  c = c * s - 1.0 / 3628800.0;
  c = c * s + 1.0 / 40320.0;
  c = c * s - 1.0 / 720.0;
  c = c * s + 1.0 / 24.0;
  c = c * s - 0.5;
  c = c * s + 1;
  Lanes d = Lanes{} - 1.0 / 1307674368000.0;
  d = d * s + 1.0 / 6227020800.0;
  d = d * s - 1.0 / 39916800.0;
  d = d * s + 1.0 / 362880.0;
  d = d * s - 1.0 / 5040.0;
  d = d * s + 1.0 / 120.0;
  d = d * s - 1.0 / 6.0;
  d = d * s * r + r;
  Integers quarter = __builtin_convertvector(quarters, Integers);
  Integers odd = -(quarter & 1);
  Integers x, y;
  std::memcpy(&x, &c, sizeof x);
  std::memcpy(&y, &d, sizeof y);
  Integers first = (x & ~odd) | (y & odd), second = (y & ~odd) | (x & odd);
  // cos is below 0 in the second and third quarter, sin in the third and fourth.
  first ^= ((quarter + 1) >> 1 & 1) << 63;
  second ^= (quarter >> 1 & 1) << 63;
  std::memcpy(&cosine, &first, sizeof cosine);
  std::memcpy(&sine, &second, sizeof sine);
}

// Numbers first ..< end of a group, first even.
FOR_ALL_PROCESSORS void draw(const ct_stream &stream, double *values, int64_t first, int64_t end) {
  for (int64_t i = first; i < end; i += 2 * width) {
    Words draws, next;
    for (int64_t k = 0; k < width; k++) draws[k] = stream.draws + 1 + i + 2 * k;
    next = draws + 1;
    Lanes u, radius, cosine, sine;
    uniforms(draws, stream, radius);
    uniforms(next, stream, u);
    radius = 1 - radius;
    logarithm(radius);
    radius *= -2;
    for (int64_t k = 0; k < width; k++) radius[k] = std::sqrt(radius[k]);
    turn(u, cosine, sine);
    cosine *= radius;
    sine *= radius;
    double pairs[2 * width];
    for (int64_t k = 0; k < width; k++) {
      pairs[2 * k] = cosine[k];
      pairs[2 * k + 1] = sine[k];
    }
    std::memcpy(values + i, pairs, std::min(2 * width, end - i) * sizeof(double));
  }
}

// Even, and small enough for a core's cache.
constexpr int64_t piece = 1 << 13;

}  // namespace

extern "C" {

ct_tensor ct_normals(const ct_stream *streams, int64_t groups, int64_t count) {
  return tensor([&] {
    auto result = at::empty({groups, count}, at::kDouble);
    auto values = result.mutable_data_ptr<double>();
    // Large groups are cut into pieces, small ones share one.
    int64_t pieces = (count + piece - 1) / piece;
    int64_t together = std::max<int64_t>(1, piece / std::max<int64_t>(1, count));
    parallel((groups + together - 1) / together * pieces, [&](int64_t i) {
      int64_t group = i / pieces * together, first = i % pieces * piece;
      for (int64_t g = group; g < std::min(groups, group + together); g++)
        draw(streams[g], values + g * count, first, std::min(count, first + piece));
    });
    return result;
  });
}

}  // extern "C"
