// What one pass over a fit's points adds up: gradient, Gauss-Newton's matrix with reweighting and
// the exact Hessian, the lower triangles of both by rows.

#ifndef SOLVER_SUMS_H
#define SOLVER_SUMS_H

#include "cost.h"

template <int Width>
struct Sums {
  static constexpr int TRIANGLE = Width * (Width + 1) / 2, COUNT = Width + 2 * TRIANGLE;

  // The place of (row, column ≤ row) in a triangle.
  EVERYWHERE static constexpr int at(int row, int column) { return row * (row + 1) / 2 + column; }

  EVERYWHERE static double *gradient(double *sums) { return sums; }
  EVERYWHERE static double *gauss(double *sums) { return sums + Width; }
  EVERYWHERE static double *newton(double *sums) { return sums + Width + TRIANGLE; }
};

#endif
