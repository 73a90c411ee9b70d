// How fast a GPU does what the gather and its rivals are made of: small kernels that do one thing.
// Each thread keeps CHAINS of it going, so that none waits for the one before, and writes a sum, so
// that none is left out by the compiler.

#define CHAINS 8

typedef unsigned int Word;

template <int Words>
struct alignas(4 * Words) Row {
  Word word[Words];
};

__device__ long long place() { return (long long)blockIdx.x * blockDim.x + threadIdx.x; }

__device__ void write(const Word *value, Word *out) {
  Word sum = 0;
  for (int k = 0; k < CHAINS; ++k) sum += value[k];
  out[place()] = sum;
}

// Counts of bits, each of the count before.
extern "C" __global__ void popc(int rounds, Word *out) {
  Word x[CHAINS];
  for (int k = 0; k < CHAINS; ++k) x[k] = 0x9e3779b9u * (Word)(place() + k);
  for (int round = 0; round < rounds; ++round)
#pragma unroll
    for (int k = 0; k < CHAINS; ++k) asm volatile("popc.b32 %0, %0;" : "+r"(x[k]));
  write(x, out);
}

// Functions of three words at once; 0xe8 is the majority.
extern "C" __global__ void logic(int rounds, Word *out) {
  Word x[CHAINS], y = threadIdx.x, z = blockIdx.x;
  for (int k = 0; k < CHAINS; ++k) x[k] = 0x9e3779b9u * (Word)(place() + k);
  for (int round = 0; round < rounds; ++round)
#pragma unroll
    for (int k = 0; k < CHAINS; ++k)
      asm volatile("lop3.b32 %0, %0, %1, %2, 0xe8;" : "+r"(x[k]) : "r"(y), "r"(z));
  write(x, out);
}

// Rows of a table in shared memory, each naming the next one in its first word; the other words are
// zero, which the compiler does not see. `next` decides whether a warp's rows are neighbours or
// anywhere; `start` holds CHAINS rows for each thread of a block.
template <int Words>
__device__ void chased(const Word *next, Word rows, const Word *start, int rounds, Word *out) {
  extern __shared__ Row<4> shared[];
  Row<Words> *table = (Row<Words> *)shared;
  for (Word i = threadIdx.x; i < rows; i += blockDim.x) {
    Row<Words> row = {};
    row.word[0] = next[i];
    table[i] = row;
  }
  __syncthreads();
  Word at[CHAINS];
  for (int k = 0; k < CHAINS; ++k) at[k] = start[k * blockDim.x + threadIdx.x];
  for (int round = 0; round < rounds; ++round)
#pragma unroll
    for (int k = 0; k < CHAINS; ++k) {
      const Row<Words> row = table[at[k]];
      at[k] = row.word[0];
      for (int w = 1; w < Words; ++w) at[k] ^= row.word[w];
    }
  write(at, out);
}

extern "C" __global__ void load32(const Word *next, Word rows, const Word *start, int rounds,
                                  Word *out) {
  chased<1>(next, rows, start, rounds, out);
}
extern "C" __global__ void load64(const Word *next, Word rows, const Word *start, int rounds,
                                  Word *out) {
  chased<2>(next, rows, start, rounds, out);
}
extern "C" __global__ void load128(const Word *next, Word rows, const Word *start, int rounds,
                                   Word *out) {
  chased<4>(next, rows, start, rounds, out);
}

// Ones added to counters in shared memory, `counters` of them, a power of two, anywhere among them:
// Bits is what a counter has of a word. For whole words a GPU has an instruction of its own to add
// ones (ATOMS.POPC.INC in the machine code for sm_90), for parts of them ATOMS.ADD. The sum over a block's threads is that of its words.
template <int Bits>
__device__ void counted(Word counters, int rounds, Word *out) {
  extern __shared__ Word counts[];
  constexpr Word EACH = 32 / Bits;
  for (Word i = threadIdx.x; i < counters / EACH; i += blockDim.x) counts[i] = 0;
  __syncthreads();
  Word x[CHAINS];
  for (int k = 0; k < CHAINS; ++k) x[k] = 0x9e3779b9u * (Word)(place() + k + 1);
  for (int round = 0; round < rounds; ++round)
#pragma unroll
    for (int k = 0; k < CHAINS; ++k) {
      x[k] = x[k] * 1664525u + 1013904223u;
      const Word counter = (x[k] >> 8) & (counters - 1);
      atomicAdd(&counts[counter / EACH], 1u << Bits % 32 * (counter % EACH));
    }
  __syncthreads();
  Word sum = 0;
  for (Word i = threadIdx.x; i < counters / EACH; i += blockDim.x) sum += counts[i];
  out[place()] = sum;
}

extern "C" __global__ void count32(Word counters, int rounds, Word *out) {
  counted<32>(counters, rounds, out);
}
extern "C" __global__ void count8(Word counters, int rounds, Word *out) {
  counted<8>(counters, rounds, out);
}
