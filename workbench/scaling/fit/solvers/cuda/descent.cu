// Many fits on a GPU, each by one warp, whose lanes take every 32nd point. A warp takes the next
// unclaimed fit from a counter, since some fits need many more steps than others.
//
// `gpu.source` puts before this text #define LAW Chinchilla, or LAW Tape and the
// constants that `tape.h` needs.

#ifdef PARAMETERS
#include "tape.h"
#else
#include "chinchilla.h"
#endif
#include "descent.h"

struct Warp {
  int lane;

  // out = Σ each(i) over the points, the same in every lane: a butterfly adds the same two numbers
  // on both of its sides. The addition is one that the compiler does not fuse with a product, which
  // would round differently on the two.
  template <int Count, class Each>
  __device__ __forceinline__ void sum(int points, double *out, const Each &each) const {
#pragma unroll
    for (int k = 0; k < Count; ++k) out[k] = 0.0;
    for (int i = lane; i < points; i += 32) each(i, out);
    for (int step = 16; step > 0; step /= 2)
#pragma unroll
      for (int k = 0; k < Count; ++k)
        out[k] = __dadd_rn(out[k], __shfl_xor_sync(0xffffffffu, out[k], step));
  }
};

// `places` has the first point and the count of each fit's points; `ended` takes objective,
// iterations and decrement; `next` starts at zero. A block is made of whole warps.
extern "C" __global__ void __launch_bounds__(128)
    fit_all(const double *columns, const double *target, const double *weight, long long stride,
            const long long *places, long long fits, double *theta, const double *low,
            const double *high, int loss, double shape, const double *schedule, int levels,
            const double *settings, unsigned long long *next, double *ended) {
  const Warp warp = {(int)(threadIdx.x & 31u)};
  const double *s = settings;
  const Settings all = {s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]};
  for (;;) {
    unsigned long long taken = 0;
    if (warp.lane == 0) taken = atomicAdd(next, 1ull);
    const long long fit = (long long)__shfl_sync(0xffffffffu, taken, 0);
    if (fit >= fits) return;
    const long long first = places[2 * fit];
    const Points points = {columns + first, target + first, weight + first, stride,
                           (int)places[2 * fit + 1]};
    double at[LAW::WIDTH];
    for (int p = 0; p < LAW::WIDTH; ++p) at[p] = theta[fit * LAW::WIDTH + p];
    const Ended end = descend<LAW>(warp, points, loss, shape, schedule, levels, all, low, high, at);
    // θ is read by all lanes before the first sum, which all of them reach, and written after it.
    if (warp.lane == 0) {
      for (int p = 0; p < LAW::WIDTH; ++p) theta[fit * LAW::WIDTH + p] = at[p];
      ended[3 * fit] = end.objective;
      ended[3 * fit + 1] = end.iterations;
      ended[3 * fit + 2] = end.decrement;
    }
  }
}
