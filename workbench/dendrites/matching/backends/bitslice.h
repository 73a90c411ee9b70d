// What one thread of the gather on a GPU computes: the overlaps of one segment with 32 patterns a
// word, in bit planes. Plain C++ without includes, so that NVRTC and g++ compile the same lines.

#ifdef __CUDACC__
#define EVERYWHERE __host__ __device__ __forceinline__
#else
#define EVERYWHERE inline
#endif

typedef unsigned int Word;
typedef unsigned short Cell16;
typedef unsigned int Cell32;

// A 32-bit logic instruction computes any function of three bits, so that each of these is one.
EVERYWHERE Word odd(Word x, Word y, Word z) { return x ^ y ^ z; }
EVERYWHERE Word majority(Word x, Word y, Word z) { return (x & y) | (z & (x | y)); }

// A cell's bits of 32 * Words patterns. Aligned, so that it is read by one load, from wherever.
template <int Words>
struct alignas(4 * Words) Row {
  Word word[Words];
};

// Plane k holds bit k of 32 sums.
template <int Planes>
struct Sums {
  Word plane[Planes];

  EVERYWHERE void clear() {
    for (int k = 0; k < Planes; ++k) plane[k] = 0;
  }

  // Adds 2^from to the sums of the set bits.
  EVERYWHERE void carry(Word bits, int from) {
#pragma unroll
    for (int k = 0; k < Planes; ++k) {
      if (k < from) continue;
      const Word both = plane[k] & bits;
      plane[k] ^= bits;
      bits = both;
    }
  }

  // Adds four rows by three adders, after Harley and Seal.
  EVERYWHERE void add(Word a, Word b, Word c, Word d) {
    const Word two = majority(plane[0], a, b);
    plane[0] = odd(plane[0], a, b);
    const Word too = majority(plane[0], c, d);
    plane[0] = odd(plane[0], c, d);
    if (Planes > 1) {
      const Word four = majority(plane[1], two, too);
      plane[1] = odd(plane[1], two, too);
      carry(four, 2);
    }
  }

  // The lanes whose sum is at least the bound, in [1, 2^Planes]: where adding 2^Planes - bound
  // carries.
  EVERYWHERE Word reached(unsigned bound) const {
    const unsigned bias = (1u << Planes) - bound;
    Word over = 0;
#pragma unroll
    for (int k = 0; k < Planes; ++k) over = majority(plane[k], 0u - (bias >> k & 1u), over);
    return over;
  }
};

// Adds the rows of one segment's synapses to Words sums at once. `lists` holds synapse j of the
// segment at lists[j * stride]; `table` has a row for each cell. Synapses beyond a multiple of four
// count once each.
template <int Planes, int Words, typename Cell>
EVERYWHERE void overlaps(const Row<Words> *table, const Cell *lists, long long stride, int synapses,
                         Sums<Planes> *sums) {
  for (int w = 0; w < Words; ++w) sums[w].clear();
  int j = 0;
  for (; j + 4 <= synapses; j += 4) {
    Row<Words> row[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) row[i] = table[lists[(j + i) * stride]];
#pragma unroll
    for (int w = 0; w < Words; ++w)
      sums[w].add(row[0].word[w], row[1].word[w], row[2].word[w], row[3].word[w]);
  }
  for (; j < synapses; ++j) {
    const Row<Words> row = table[lists[j * stride]];
#pragma unroll
    for (int w = 0; w < Words; ++w) sums[w].carry(row.word[w], 0);
  }
}
