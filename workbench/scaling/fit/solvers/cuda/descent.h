// One fit from its start to its minimum: Gauss-Newton with reweighting, Marquardt's damping, a
// delta after another, the exact Hessian at the end, step by step as in `cpu.py`. The lanes
// of a warp share the points alone; every lane computes what is not a sum over points for
// itself, with identical results, so that their branches agree.

#ifndef SOLVER_DESCENT_H
#define SOLVER_DESCENT_H

#include "sums.h"

// The points of a fit: `columns` has the law's data, `stride` apart. Weights are not zero.
struct Points {
  const double *columns, *target, *weight;
  long long stride;
  int count;
};

// The numbers of `solver_settings`, in its order.
struct Settings {
  double damping, easier, harder, stiff, flat, rough, sure, most;
};

struct Ended {
  double objective, iterations, decrement;
};

// Solves (M + λ diag G) step = -gradient over the free parameters; false if not positive.
template <int Width>
EVERYWHERE bool damped(const double *matrix, const double *gauss, const double *gradient,
                       unsigned free, double damping, double *step) {
  using Totals = Sums<Width>;
  double factor[Totals::TRIANGLE], inverse[Width];
#pragma unroll
  for (int p = 0; p < Width; ++p) {
    const bool mine = free >> p & 1u;
#pragma unroll
    for (int q = 0; q < p; ++q)
      factor[Totals::at(p, q)] = mine && (free >> q & 1u) ? matrix[Totals::at(p, q)] : 0.0;
    const int on = Totals::at(p, p);
    factor[on] = mine ? matrix[on] + damping * gauss[on] + 1e-300 : 1.0;
  }
#pragma unroll
  for (int p = 0; p < Width; ++p) {
#pragma unroll
    for (int q = 0; q <= p; ++q) {
      double total = factor[Totals::at(p, q)];
#pragma unroll
      for (int k = 0; k < q; ++k) total -= factor[Totals::at(p, k)] * factor[Totals::at(q, k)];
      if (q < p) {
        factor[Totals::at(p, q)] = total * inverse[q];
      } else {
        // A pivot lost to rounding is no direction to trust.
        if (!(total > 1e-15 * fabs(factor[Totals::at(p, p)]))) return false;
        inverse[p] = 1.0 / sqrt(total);
      }
    }
  }
#pragma unroll
  for (int p = 0; p < Width; ++p) {
    double total = free >> p & 1u ? -gradient[p] : 0.0;
#pragma unroll
    for (int k = 0; k < p; ++k) total -= factor[Totals::at(p, k)] * step[k];
    step[p] = total * inverse[p];
  }
#pragma unroll
  for (int p = Width - 1; p >= 0; --p) {
    double total = step[p];
#pragma unroll
    for (int k = p + 1; k < Width; ++k) total -= factor[Totals::at(k, p)] * step[k];
    step[p] = total * inverse[p];
  }
  return true;
}

// Σ w ρ(r); infinite where it is no number.
template <class Law, class Warp>
EVERYWHERE double objective(const Warp &warp, const Points &points, const Cost &cost,
                            const double *theta) {
  double total[1];
  warp.template sum<1>(points.count, total, [&](int i, double *sums) {
    const Law law(theta, points.columns + i, points.stride);
    sums[0] += points.weight[i] * Price(law.value - points.target[i], cost).value;
  });
  return finite_number(total[0]) ? total[0] : INFINITE;
}

// Gradient and both matrices at θ.
template <class Law, class Warp>
EVERYWHERE void moments(const Warp &warp, const Points &points, const Cost &cost, bool exact,
                        const double *theta, double *totals) {
  warp.template sum<Law::Totals::COUNT>(points.count, totals, [&](int i, double *sums) {
    const Law law(theta, points.columns + i, points.stride);
    const Price price(law.value - points.target[i], cost);
    const double w = points.weight[i];
    law.add(exact, w * price.pull, w * price.bend, w * price.again, sums);
  });
}

// The parameters that may move, a bit each: neither blocked by a bound that the step presses against,
// nor fixed, nor without any influence.
template <int Width>
EVERYWHERE unsigned movable(const double *theta, const double *low, const double *high,
                            const double *gradient, const double *gauss) {
  unsigned free = 0;
#pragma unroll
  for (int p = 0; p < Width; ++p) {
    const bool blocked = (theta[p] <= low[p] && gradient[p] > 0.0) ||
                      (theta[p] >= high[p] && gradient[p] < 0.0);
    if (!blocked && low[p] < high[p] && gauss[Sums<Width>::at(p, p)] > 0.0) free |= 1u << p;
  }
  return free;
}

// Takes θ to the minimum of the last delta. All lanes of a warp call this together.
template <class Law, class Warp>
EVERYWHERE Ended descend(const Warp &warp, const Points &points, int loss, double shape,
                         const double *schedule, int levels, const Settings &settings, const double *low,
                         const double *high, double *theta) {
  constexpr int Width = Law::WIDTH;
  using Totals = Sums<Width>;
  double totals[Totals::COUNT], step[Width], trial[Width];
  double *gradient = Totals::gradient(totals), *gauss = Totals::gauss(totals);
  double *newton = Totals::newton(totals);
  double value = INFINITE, spent = 0.0, decrement = INFINITE;
  unsigned free = 0;
  for (int level = 0; level < levels; ++level) {
    const Cost cost = {loss, schedule[level], shape};
    const bool last = level == levels - 1, sure = settings.sure > 0.0 || level > 0;
    const double tolerance = last ? settings.flat : settings.rough;
    double damping = settings.damping;
    int calm = 0;
    bool exact = sure, fresh = true;
    value = objective<Law>(warp, points, cost, theta);
    if (!finite_number(value)) return {value, spent, INFINITE};
    for (int round = 0; round < (int)settings.most; ++round) {
      if (fresh) {
        moments<Law>(warp, points, cost, exact, theta, totals);
        free = movable<Width>(theta, low, high, gradient, gauss);
      }
      spent += 1.0;
      if (!(exact && damped<Width>(newton, gauss, gradient, free, damping, step)) &&
          !damped<Width>(gauss, gauss, gradient, free, damping, step)) {
        damping = (damping > 1e-12 ? damping : 1e-12) * settings.harder;
        fresh = false;
        if (damping > settings.stiff) break;
        continue;
      }
      decrement = 0.0;
#pragma unroll
      for (int p = 0; p < Width; ++p) {
        decrement -= step[p] * gradient[p];
        const double to = theta[p] + step[p];
        trial[p] = to < low[p] ? low[p] : to > high[p] ? high[p] : to;
      }
      const double moved = objective<Law>(warp, points, cost, trial);
      fresh = moved <= value;
      if (!fresh) {
        damping = (damping > 1e-9 ? damping : 1e-9) * settings.harder;
        if (damping > settings.stiff || decrement <= 1e-16 * value) break;
        continue;
      }
      const double fall = value - moved;
      value = moved;
#pragma unroll
      for (int p = 0; p < Width; ++p) theta[p] = trial[p];
      damping = damping > 1e-12 ? damping / settings.easier : 0.0;
      calm = fall <= tolerance * value ? calm + 1 : 0;
      exact = sure || fall <= 0.3 * value;
      if (calm >= (last ? 2 : 1) || value == 0.0) break;
    }
  }
  return {value, spent, decrement / (value > 1e-300 ? value : 1e-300)};
}

#endif
