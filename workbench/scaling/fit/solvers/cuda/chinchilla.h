// The law L = E + A/N^α + B/D^β at one point, as `chinchilla_numba` has it: with the shares of its
// three terms, gradient and Hessian of log L cost no further exponentials.

#ifndef SOLVER_CHINCHILLA_H
#define SOLVER_CHINCHILLA_H

#include "sums.h"

struct Chinchilla {
  static constexpr int WIDTH = 5, COLUMNS = 2;
  using Totals = Sums<WIDTH>;

  double value;  // log L
  double p, q, r, n, d;

  // θ = (log A, log B, log E, α, β); the columns are log N and log D, `stride` apart. The largest
  // of the terms is never exponentiated.
  EVERYWHERE Chinchilla(const double *theta, const double *columns, long long stride)
      : n(columns[0]), d(columns[stride]) {
    const double a = theta[0] - theta[3] * n, b = theta[1] - theta[4] * d, e = theta[2];
    const bool first = a >= b && a >= e, last = !first && !(b >= e);
    const double top = first ? a : last ? e : b;
    // The two others, chosen without a branch, so that a warp takes two exponentials, not six.
    const double u = exp((first ? b : a) - top), v = exp((last ? b : e) - top);
    const double sum = 1.0 + u + v, most = 1.0 / sum;
    value = top + log(sum);
    p = first ? most : u * most;
    q = first ? u * most : last ? v * most : most;
    r = last ? most : v * most;
  }

  // Adds what the point gives to the gradient and to both matrices; pull, bend and again are those
  // of the cost times the weight.
  EVERYWHERE void add(bool, double pull, double bend, double again, double *sums) const {
    const double slope[WIDTH] = {p, q, r, -p * n, -q * d};
    double *gradient = Totals::gradient(sums), *gauss = Totals::gauss(sums);
    double *newton = Totals::newton(sums);
    bend -= pull;
#pragma unroll
    for (int row = 0; row < WIDTH; ++row) {
      gradient[row] += pull * slope[row];
#pragma unroll
      for (int column = 0; column <= row; ++column) {
        const double product = slope[row] * slope[column];
        gauss[Totals::at(row, column)] += again * product;
        newton[Totals::at(row, column)] += bend * product;
      }
    }
    newton[Totals::at(0, 0)] += pull * p;
    newton[Totals::at(1, 1)] += pull * q;
    newton[Totals::at(2, 2)] += pull * r;
    newton[Totals::at(3, 0)] += pull * slope[3];
    newton[Totals::at(4, 1)] += pull * slope[4];
    newton[Totals::at(3, 3)] -= pull * slope[3] * n;
    newton[Totals::at(4, 4)] -= pull * slope[4] * d;
  }
};

#endif
