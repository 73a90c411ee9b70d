// A GPU of one block at a time for g++: each thread is a context of its own, and they take turns at
// shuffles, votes and barriers, so that the text of a kernel runs as it stands. A thread runs as far
// as it can before the next one starts, so that what a missing barrier would let it see is seen.
// Threads that should meet and do not are found out: `apart` tells.

#include <ucontext.h>

#include <functional>
#include <vector>

#define __global__
#define __device__
#define __shared__
#define __launch_bounds__(...)

struct Three {
  unsigned x, y;
};
static Three threadIdx, blockIdx, blockDim, gridDim;

namespace gpu {
constexpr unsigned LANES = 32;

struct Meeting {
  long count = 0;
  unsigned long long posted[2];
  int site[2];
};
struct Thread {
  std::vector<char> stack = std::vector<char>(1 << 16);
  ucontext_t here;
  bool over;
  Meeting warp, block;
};
static std::vector<Thread> threads;
static ucontext_t turns;
static unsigned now;
static bool apart;
static std::function<void()> body;

static void begin() {
  body();
  threads[now].over = true;
}

// Posts a value for threads `first` to `first` + `size` - 1 and waits until each has posted.
static void meet(Meeting Thread::*what, unsigned first, unsigned size, unsigned long long value,
                 int site) {
  Meeting &mine = threads[now].*what;
  const long count = ++mine.count;
  mine.posted[count & 1] = value;
  mine.site[count & 1] = site;
  for (unsigned k = first; k < first + size; ++k)
    while (!apart && (threads[k].*what).count < count) {
      apart = threads[k].over;
      if (!apart) swapcontext(&threads[now].here, &turns);
    }
  for (unsigned k = first; k < first + size; ++k)
    if ((threads[k].*what).site[count & 1] != site) apart = true;
  // A thread that was left alone never goes on.
  while (apart) swapcontext(&threads[now].here, &turns);
}

static unsigned warp_begin() { return now / LANES * LANES; }

template <class T>
inline T from_lane(T value, unsigned lane, int site) {
  static_assert(sizeof(T) <= 8, "");
  meet(&Thread::warp, warp_begin(), LANES, (unsigned long long)value, site);
  const Meeting &other = threads[warp_begin() + lane % LANES].warp;
  return (T)other.posted[threads[now].warp.count & 1];
}

inline bool any(bool value, int site) {
  meet(&Thread::warp, warp_begin(), LANES, value, site);
  bool found = false;
  for (unsigned k = 0; k < LANES; ++k)
    found |= threads[warp_begin() + k].warp.posted[threads[now].warp.count & 1] != 0;
  return found;
}

static void run_block() {
  now = 0;
  for (Thread &t : threads) {
    t.over = false;
    t.warp = t.block = Meeting();
    getcontext(&t.here);
    t.here.uc_stack.ss_sp = t.stack.data();
    t.here.uc_stack.ss_size = t.stack.size();
    t.here.uc_link = &turns;
    makecontext(&t.here, begin, 0);
  }
  for (bool left = true; left && !apart;) {
    left = false;
    for (now = 0; now < threads.size() && !apart; ++now)
      if (!threads[now].over) {
        left = true;
        threadIdx.x = now;
        swapcontext(&turns, &threads[now].here);
      }
  }
}

// False if threads that should have met did not.
static bool launched(Three grid, unsigned size, std::function<void()> kernel) {
  body = kernel;
  apart = false;
  if (threads.size() != size) threads = std::vector<Thread>(size);
  gridDim = grid;
  blockDim = {size, 1};
  for (blockIdx.y = 0; blockIdx.y < grid.y && !apart; ++blockIdx.y)
    for (blockIdx.x = 0; blockIdx.x < grid.x && !apart; ++blockIdx.x) run_block();
  return !apart;
}
}  // namespace gpu

#define __shfl_sync(mask, value, lane) gpu::from_lane(value, lane, __LINE__)
#define __shfl_up_sync(mask, value, step) \
  gpu::from_lane(value, gpu::now % 32 < (step) ? gpu::now : gpu::now - (step), __LINE__)
#define __any_sync(mask, value) gpu::any((value) != 0, __LINE__)
#define __syncthreads() gpu::meet(&gpu::Thread::block, 0, gpu::threads.size(), 0, -__LINE__)
#define __popc __builtin_popcount
#define __ffs __builtin_ffs

template <class T>
static T atomicAdd(T *to, T value) {
  const T before = *to;
  *to += value;
  return before;
}
