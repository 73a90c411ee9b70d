// Any law at one point: its program, the list of operations of `tape`, run forward for the value
// and back for the derivatives. The program is known to the compiler, which unrolls it.
//
// `gpu.source` defines PARAMETERS, DATA and STEPS, four numbers a step: the operation and the
// slots of its operands as in `tape.Program`, and a bit for each parameter it depends on.

#ifndef SOLVER_TAPE_H
#define SOLVER_TAPE_H

#include "sums.h"

// The codes are the places in `operations.NAMES`.
constexpr int ADD = 0, SUB = 1, MUL = 2, DIV = 3, NEG = 4, EXP = 5, LOG = 6, LOGADDEXP = 7,
              MINIMUM = 8;

struct Step {
  int code, left, right;
  unsigned needs;
};
FIXED Step TAPE[] = {STEPS};

EVERYWHERE double softplus(double u) { return (u > 0.0 ? u : 0.0) + log1p(exp(-fabs(u))); }

// The u with α log (1 + eᵘ) - log (1 + e⁻ᵘ) = v, Newton's steps within a bracket; see `operations`.
EVERYWHERE double share_root(double v, double alpha) {
  const double two = 0.6931471805599453, least = alpha > 1e-300 ? alpha : 1e-300;
  double low = (v - alpha * two < 0.0 ? v - alpha * two : 0.0) - 1.0;
  double high = ((v + two) / least > 0.0 ? (v + two) / least : 0.0) + 1.0;
  double u = v < 0.0 ? v : v / least;
  u = u < low ? low : u > high ? high : u;
  for (int round = 0; round < 200; ++round) {
    const double excess = alpha * softplus(u) - softplus(-u) - v;
    if (excess > 0.0)
      high = u;
    else
      low = u;
    const double s = u > -700.0 ? 1.0 / (1.0 + exp(-u)) : 0.0;
    double moved = u - excess / (1.0 - s + alpha * s);
    if (!(low < moved && moved < high)) moved = 0.5 * (low + high);
    const double size = fabs(u) > 1.0 ? fabs(u) : 1.0;
    const bool done = fabs(moved - u) <= 4e-16 * size;
    u = moved;
    if (done) break;
  }
  return u;
}

// One operation: its value, first and second partial derivatives.
struct Partials {
  double value, x, y, xx, xy, yy;

  EVERYWHERE Partials() {}

  EVERYWHERE Partials(int code, double a, double b) : x(0), y(0), xx(0), xy(0), yy(0) {
    if (code == ADD) {
      value = a + b, x = y = 1.0;
    } else if (code == SUB) {
      value = a - b, x = 1.0, y = -1.0;
    } else if (code == MUL) {
      value = a * b, x = b, y = a, xy = 1.0;
    } else if (code == DIV) {
      value = INFINITE - INFINITE;
      if (b == 0.0) return;
      value = a / b, x = 1.0 / b, y = -value / b;
      xy = -1.0 / (b * b), yy = 2.0 * value / (b * b);
    } else if (code == NEG) {
      value = -a, x = -1.0;
    } else if (code == EXP) {
      value = x = xx = a < 709.0 ? exp(a) : INFINITE;
    } else if (code == LOG) {
      value = INFINITE - INFINITE;
      if (!(a > 0.0)) return;
      value = log(a), x = 1.0 / a, xx = -1.0 / (a * a);
    } else if (code == LOGADDEXP) {
      // Equal infinities have no difference.
      const double t = a == b ? 1.0 : exp(-fabs(a - b)), more = 1.0 / (1.0 + t), less = t * more;
      value = (a > b ? a : b) + log1p(t);
      x = a > b ? more : less, y = a > b ? less : more;
      xx = yy = more * less, xy = -xx;
    } else if (code == MINIMUM) {
      value = a <= b ? a : b;
      x = a <= b ? 1.0 : 0.0, y = 1.0 - x;
    } else {
      share(a, b);
    }
  }

  // log s where log s - α log (1 - s) = v; see `operations`.
  EVERYWHERE void share(double v, double alpha) {
    value = INFINITE - INFINITE;
    if (!finite_number(v) || !finite_number(alpha)) return;
    const double u = share_root(v, alpha), plus = softplus(u);
    const double s = exp(-softplus(-u)), r = exp(-plus), slope = r + alpha * s, c = -s * r;
    const double uv = 1.0 / slope, ua = -plus / slope, bend = (alpha - 1.0) * s * r;
    value = -softplus(-u), x = r * uv, y = r * ua;
    xx = r * (-bend * uv * uv / slope) + c * uv * uv;
    xy = r * (-(bend * uv * ua + s * uv) / slope) + c * uv * ua;
    yy = r * (-(bend * ua * ua + 2.0 * s * ua) / slope) + c * ua * ua;
  }
};

struct Tape {
  static constexpr int WIDTH = PARAMETERS, COLUMNS = DATA, FIRST = WIDTH + COLUMNS;
  static constexpr int LENGTH = sizeof(TAPE) / sizeof(Step), SLOTS = FIRST + LENGTH;
  using Totals = Sums<WIDTH>;

  double value;  // log L, or L where raw losses are compared
  double slot[SLOTS];

  EVERYWHERE Tape(const double *theta, const double *columns, long long stride) {
#pragma unroll
    for (int p = 0; p < WIDTH; ++p) slot[p] = theta[p];
#pragma unroll
    for (int k = 0; k < COLUMNS; ++k) slot[WIDTH + k] = columns[k * stride];
#pragma unroll
    for (int s = 0; s < LENGTH; ++s)
      slot[FIRST + s] = Partials(TAPE[s].code, slot[TAPE[s].left], slot[TAPE[s].right]).value;
    value = slot[SLOTS - 1];
  }

  // Adds what the point gives to the gradient and to both matrices; pull, bend and again are those
  // of the cost times the weight. The second derivatives are left out where `exact` is false.
  EVERYWHERE void add(bool exact, double pull, double bend, double again, double *sums) const {
    Partials d[LENGTH];
    double bar[SLOTS];
#pragma unroll
    for (int s = 0; s < LENGTH; ++s)
      d[s] = Partials(TAPE[s].code, slot[TAPE[s].left], slot[TAPE[s].right]);
#pragma unroll
    for (int k = 0; k < SLOTS; ++k) bar[k] = 0.0;
    bar[SLOTS - 1] = 1.0;
#pragma unroll
    for (int s = LENGTH - 1; s >= 0; --s) {
      // A path of no weight adds nothing, however steep it is.
      if (bar[FIRST + s] == 0.0) continue;
      bar[TAPE[s].left] += bar[FIRST + s] * d[s].x;
      bar[TAPE[s].right] += bar[FIRST + s] * d[s].y;
    }
    double *gradient = Totals::gradient(sums), *gauss = Totals::gauss(sums);
    double *newton = Totals::newton(sums);
#pragma unroll
    for (int p = 0; p < WIDTH; ++p) {
      gradient[p] += pull * bar[p];
#pragma unroll
      for (int q = 0; q <= p; ++q) {
        const double product = bar[p] * bar[q];
        gauss[Totals::at(p, q)] += again * product;
        newton[Totals::at(p, q)] += bend * product;
      }
    }
    if (exact)
      for (int p = 0; p < WIDTH; ++p) curve(p, pull, d, bar, newton + Totals::at(p, 0));
  }

  // Adds pull times row p of the Hessian, forward over reverse, up to the diagonal.
  EVERYWHERE static void curve(int p, double pull, const Partials *d, const double *bar,
                               double *row) {
    double dot[SLOTS], out[SLOTS];
#pragma unroll
    for (int k = 0; k < SLOTS; ++k) dot[k] = k == p ? 1.0 : 0.0, out[k] = 0.0;
#pragma unroll
    for (int s = 0; s < LENGTH; ++s)
      if (TAPE[s].needs >> p & 1u)
        dot[FIRST + s] = dot[TAPE[s].left] * d[s].x + dot[TAPE[s].right] * d[s].y;
#pragma unroll
    for (int s = LENGTH - 1; s >= 0; --s) {
      const int left = TAPE[s].left, right = TAPE[s].right;
      out[left] += out[FIRST + s] * d[s].x;
      out[right] += out[FIRST + s] * d[s].y;
      if (TAPE[s].code > SUB && (TAPE[s].needs >> p & 1u) && bar[FIRST + s] != 0.0) {
        out[left] += bar[FIRST + s] * (dot[left] * d[s].xx + dot[right] * d[s].xy);
        out[right] += bar[FIRST + s] * (dot[left] * d[s].xy + dot[right] * d[s].yy);
      }
    }
#pragma unroll
    for (int q = 0; q < WIDTH; ++q)
      if (q <= p) row[q] += pull * out[q];
  }
};

#endif
