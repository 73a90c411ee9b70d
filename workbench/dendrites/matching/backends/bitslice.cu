// The gather on a GPU. A block keeps the table of 32 * WORDS patterns in shared memory where it
// fits, else it reads it through the cache; a thread takes one segment after another, and a warp
// 32 neighbours, whose synapses stand side by side. Matches are appended in no order: a warp counts
// its own by a scan and takes the places of all of them by one atomic addition.
//
// Compiled with -DPLANES, -DCELL (Cell16 or Cell32) and -DSHARED (0 or 1).

#include "bitslice.h"

#define WORDS 4

__device__ unsigned inclusive(unsigned value, unsigned lane) {
  for (unsigned step = 1; step < 32; step *= 2) {
    const unsigned other = __shfl_up_sync(0xffffffffu, value, step);
    if (lane >= step) value += other;
  }
  return value;
}

// All lanes of a warp call this together.
__device__ void append(const Word *hits, unsigned first_pattern, long long segment,
                       unsigned long long *size, unsigned long long capacity, unsigned *pattern,
                       unsigned *matched) {
  unsigned mine = 0;
  for (int w = 0; w < WORDS; ++w) mine += __popc(hits[w]);
  if (!__any_sync(0xffffffffu, mine)) return;
  const unsigned lane = threadIdx.x & 31u, upto = inclusive(mine, lane);
  unsigned long long place = 0;
  if (lane == 31) place = atomicAdd(size, (unsigned long long)upto);
  place = __shfl_sync(0xffffffffu, place, 31) + upto - mine;
  for (int w = 0; w < WORDS; ++w)
    for (Word left = hits[w]; left; left &= left - 1, ++place)
      if (place < capacity) {
        pattern[place] = first_pattern + 32 * w + __ffs(left) - 1;
        matched[place] = (unsigned)segment;
      }
}

// Segments `first` to `first` + `segments` - 1 of `stride`. The grid is one block or more wide, and
// as high as there are tables.
extern "C" __global__ void __launch_bounds__(256)
    gather(const Row<WORDS> *tables, long long rows, const CELL *lists, long long stride,
           long long first, long long segments, int synapses, unsigned bound,
           unsigned long long *size, unsigned long long capacity, unsigned *pattern,
           unsigned *matched) {
  extern __shared__ Row<WORDS> shared[];
  const Row<WORDS> *table = tables + blockIdx.y * rows;
  if (SHARED) {
    for (long long i = threadIdx.x; i < rows; i += blockDim.x) shared[i] = table[i];
    __syncthreads();
    table = shared;
  }
  const long long step = (long long)gridDim.x * blockDim.x;
  const long long whole = (segments + 31) / 32 * 32;  // so that warps stay together
  for (long long s = (long long)blockIdx.x * blockDim.x + threadIdx.x; s < whole; s += step) {
    Sums<PLANES> sums[WORDS];
    Word hits[WORDS] = {};
    if (s < segments) {
      overlaps<PLANES, WORDS>(table, lists + first + s, stride, synapses, sums);
      for (int w = 0; w < WORDS; ++w) hits[w] = sums[w].reached(bound);
    }
    append(hits, blockIdx.y * 32u * WORDS, first + s, size, capacity, pattern, matched);
  }
}
