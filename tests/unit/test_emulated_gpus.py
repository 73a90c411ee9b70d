"""The stand-ins for a GPU run where g++ fortifies by itself, as it does on Ubuntu."""

import shutil
import subprocess
from pathlib import Path

import pytest

SUPPORT = Path(__file__).parents[1] / "support"
WARP = """
#include "emulated_gpu.h"
#include <stdio.h>

int main() {
  unsigned long long sums[70] = {};
  const bool met = gpu::launched(2, 64, [&] {
    long long value = threadIdx.x + 1;
    for (int step = 16; step; step /= 2) value += __shfl_xor_sync(0xffffffffu, value, step);
    if (threadIdx.x == 5) return;
    atomicAdd(sums + threadIdx.x, value);
  });
  const bool apart = !gpu::launched(1, 32, [&] {
    double value = 1.0;
    if (threadIdx.x != 9) value += __shfl_sync(0xffffffffu, value, 3);
    atomicAdd(sums + 64 + (value > 5), 1);
  });
  const bool again = gpu::launched(1, 32, [&] {
    __shfl_sync(0xffffffffu, 1.0, 0);
    atomicAdd(sums + 66, 1);
  });
  for (int i : {0, 5, 31, 32, 63, 66}) printf("%llu ", sums[i]);
  printf("%d%d%d", met, apart, again);
}
"""
BLOCK = """
#include "emulated_block.h"
#include <stdio.h>

int main() {
  static unsigned posted[64];
  unsigned sums[64] = {};
  const bool met = gpu::launched({2, 1}, 64, [&] {
    posted[threadIdx.x] = threadIdx.x + 1;
    __syncthreads();
    unsigned value = posted[63 - threadIdx.x];
    for (int step = 1; step < 32; step *= 2) {
      const unsigned other = __shfl_up_sync(0xffffffffu, value, step);
      if (threadIdx.x % 32 >= step) value += other;
    }
    __syncthreads();
    if (__any_sync(0xffffffffu, threadIdx.x == 40)) atomicAdd(sums + threadIdx.x, value);
  });
  const bool apart = !gpu::launched({1, 1}, 64, [&] {
    if (threadIdx.x != 9) __syncthreads();
  });
  const bool again = gpu::launched({1, 1}, 64, [&] { __syncthreads(); });
  for (int i : {0, 31, 32, 63}) printf("%u ", sums[i]);
  printf("%d%d%d", met, apart, again);
}
"""


@pytest.mark.parametrize("level", [0, 2, 3])
@pytest.mark.parametrize(
    ("text", "said"),
    [(WARP, "1056 0 1056 3104 3104 32 111"), (BLOCK, "0 0 64 1056 111")],
    ids=["warp", "block"],
)
def test_contexts_take_turns_in_a_fortified_build(text, said, level, tmp_path):
    if shutil.which("g++") is None:
        pytest.skip("needs g++")
    source, program = tmp_path / "kernel.cpp", tmp_path / "kernel"
    source.write_text(text)
    # No -Werror: where level 3 is unknown, it is level 2 with a warning.
    flags = ["-std=c++17", "-O2", "-U_FORTIFY_SOURCE", f"-D_FORTIFY_SOURCE={level}"]
    include = f"-I{SUPPORT}"
    subprocess.run(["g++", *flags, include, source, "-o", program], check=True)
    ran = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, said, "")
