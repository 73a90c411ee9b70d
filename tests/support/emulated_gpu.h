// A GPU of one warp at a time for g++: its 32 lanes take turns, one shuffle each, so that the text
// of a kernel runs as it stands. That they meet at the same shuffles is checked: `apart` tells.
// Each lane is a context with a stack of its own; a fortified build aborts at a longjmp between stacks.

#include <string.h>
#include <ucontext.h>

#include <functional>
#include <vector>

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __dadd_rn(x, y) ((x) + (y))

struct Place {
  unsigned x;
};
static Place threadIdx;

namespace gpu {
constexpr int LANES = 32;

struct Lane {
  std::vector<char> stack = std::vector<char>(1 << 18);
  ucontext_t here;
  bool over;
  long shuffles;
  unsigned long long posted[2];
  int site[2];
};
static Lane lane[LANES];
static int now;
static unsigned warp_begin;
static ucontext_t caller;
static bool apart;
static std::function<void()> body;

// The next lane that is not over takes its turn; false if there is no other.
static bool advance() {
  const int me = now;
  do now = (now + 1) % LANES;
  while (lane[now].over && now != me);
  threadIdx.x = warp_begin + now;
  return now != me;
}

static void begin() {
  body();
  lane[now].over = true;
  if (advance()) setcontext(&lane[now].here);
}

// What the lane `from` posts at this shuffle, once all have posted; `site` is the line it stands on.
static unsigned long long exchanged(unsigned long long value, int from, int site) {
  const int me = now;
  const long count = ++lane[me].shuffles;
  lane[me].posted[count & 1] = value;
  lane[me].site[count & 1] = site;
  if (advance()) swapcontext(&lane[me].here, &lane[now].here);
  for (const Lane &other : lane) {
    const bool here = other.shuffles == count || other.shuffles == count + 1;
    if (!here || other.site[count & 1] != site) apart = true;
  }
  if (apart) setcontext(&caller);
  return lane[from].posted[count & 1];
}

template <unsigned Mask, class T>
static T shuffled(T value, int from, int site) {
  static_assert(sizeof(T) == 8 && Mask == 0xffffffffu, "");
  unsigned long long bits;
  memcpy(&bits, &value, 8);
  bits = exchanged(bits, from, site);
  memcpy(&value, &bits, 8);
  return value;
}

static void run_warp(unsigned first) {
  warp_begin = first;
  for (Lane &l : lane) {
    l.over = false;
    l.shuffles = 0;
    getcontext(&l.here);
    l.here.uc_stack.ss_sp = l.stack.data();
    l.here.uc_stack.ss_size = l.stack.size();
    l.here.uc_link = &caller;
    makecontext(&l.here, begin, 0);
  }
  now = 0;
  threadIdx.x = warp_begin;
  swapcontext(&caller, &lane[0].here);
}

// Runs the blocks' warps one after another; false if lanes of one met at different shuffles.
static bool launched(unsigned blocks, unsigned threads, std::function<void()> kernel) {
  body = kernel;
  apart = false;
  for (unsigned block = 0; block < blocks && !apart; ++block)
    for (unsigned first = 0; first < threads && !apart; first += LANES) run_warp(first);
  return !apart;
}
}  // namespace gpu

#define __shfl_xor_sync(mask, value, step) \
  gpu::shuffled<(mask)>(value, gpu::now ^ (step), __LINE__ * 64 + (step))
#define __shfl_sync(mask, value, from) \
  gpu::shuffled<(mask)>(value, from, __LINE__ * 64)

static unsigned long long atomicAdd(unsigned long long *to, unsigned long long value) {
  const unsigned long long before = *to;
  *to += value;
  return before;
}
