"""The inner loops of an inverted index, for Numba kernels: counting visits, testing flags."""

from __future__ import annotations

from pathlib import Path
from typing import no_type_check
from zlib import crc32

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from workbench.dendrites.matching.kernels.simd import LONG, VECTOR, ZEROS, any_set, spread

# Kernels close over this hash, because Numba's cache does not notice changes in this file.
SOURCE_HASH = crc32(Path(__file__).read_bytes())
UNROLLED = 8
VECTORS = 8


@intrinsic
@no_type_check
def visit(typing, members, first, last, counts):
    """Adds one to the counter of each of the members `first` … `last` - 1."""

    def generate(context, builder, signature, args):
        data, counters = (
            cgutils.create_struct_proxy(signature.args[i])(context, builder, args[i]).data
            for i in (0, 3)
        )

        def count(place):
            member = builder.zext(builder.load(builder.gep(data, [place])), LONG)
            counter = builder.gep(counters, [member])
            builder.store(builder.add(builder.load(counter), counter.type.pointee(1)), counter)

        first, last = args[1], args[2]
        rounds = builder.udiv(builder.sub(last, first), LONG(UNROLLED))
        with cgutils.for_range(builder, rounds) as loop:
            place = builder.add(first, builder.mul(loop.index, LONG(UNROLLED)))
            for i in range(UNROLLED):
                count(builder.add(place, LONG(i)))
        first = builder.add(first, builder.mul(rounds, LONG(UNROLLED)))
        with cgutils.for_range(builder, builder.sub(last, first)) as loop:
            count(builder.add(first, loop.index))
        return context.get_dummy_value()

    return types.none(members, first, last, counts), generate


@intrinsic
@no_type_check
def fill(typing, words, value):
    """Sets all words, a multiple of eight of them, to the value."""

    def generate(context, builder, signature, args):
        array = cgutils.create_struct_proxy(signature.args[0])(context, builder, args[0])
        start = builder.bitcast(array.data, VECTOR.as_pointer())
        every = spread(builder, args[1])
        with cgutils.for_range(builder, builder.udiv(array.nitems, LONG(8))) as loop:
            builder.store(every, builder.gep(start, [loop.index]), align=8)
        return context.get_dummy_value()

    return types.none(words, value), generate


@intrinsic
@no_type_check
def any_flag(typing, words, first, flags):
    """Whether any of the 64 words from `first` on has a bit in common with `flags`."""

    def generate(context, builder, signature, args):
        data = cgutils.create_struct_proxy(signature.args[0])(context, builder, args[0]).data
        start = builder.bitcast(builder.gep(data, [args[1]]), VECTOR.as_pointer())
        together = ZEROS
        for i in range(VECTORS):
            vector = builder.load(builder.gep(start, [LONG(i)]), align=8)
            together = builder.or_(together, vector)
        return any_set(builder, builder.and_(together, spread(builder, args[2])))

    return types.boolean(words, first, flags), generate
