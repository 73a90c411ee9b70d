// What a residual costs, in double precision. Plain C++ that NVRTC and g++ compile alike; the
// codes are the places in `losses.NAMES`.

#ifndef SOLVER_COST_H
#define SOLVER_COST_H

#ifdef __CUDACC__
#define EVERYWHERE __device__ __forceinline__
#define FIXED __device__ constexpr
#define INFINITE __longlong_as_double(0x7ff0000000000000ll)
#else
#include <math.h>
#define EVERYWHERE inline
#define FIXED constexpr
#define INFINITE HUGE_VAL
#endif

constexpr int SQUARED = 0, HUBER = 1, ABSOLUTE = 2, ASYMMETRIC = 3, STUDENT = 4;

// False for NaN as well.
EVERYWHERE bool finite_number(double x) { return fabs(x) <= 1.7976931348623157e308; }

struct Cost {
  int loss;
  double delta, shape;
};

// The cost ρ of a residual, ψ = ρ', its curvature ρ'' and the reweighting ψ / r.
struct Price {
  double value, pull, bend, again;

  EVERYWHERE Price(double r, const Cost &cost) {
    const double size = fabs(r);
    if (cost.loss == SQUARED) {
      value = 0.5 * r * r, pull = r, bend = again = 1.0;
      return;
    }
    if (cost.loss == STUDENT) {
      const double z = r / cost.delta * (r / cost.delta);
      again = (cost.shape + 1.0) / (cost.shape + z);
      value = cost.delta * cost.delta * (cost.shape + 1.0) / 2.0 * log1p(z / cost.shape);
      pull = again * r;
      bend = again * (cost.shape - z) / (cost.shape + z);
      return;
    }
    double scale = 1.0;
    if (cost.loss == ASYMMETRIC && r > 0.0) scale = cost.shape;
    if (cost.loss == ABSOLUTE) scale = 1.0 / cost.delta;
    if (size <= cost.delta) {
      value = scale * 0.5 * r * r, pull = scale * r, bend = again = scale;
    } else {
      again = scale * cost.delta / size;
      value = scale * cost.delta * (size - 0.5 * cost.delta);
      pull = again * r, bend = 0.0;
    }
  }
};

#endif
