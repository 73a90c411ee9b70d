"""Bit-sliced counting in vectors of 512 bits: which lanes reach a bound, for Numba kernels.

A lane is one bit of the vector and stands for a pattern or a union of patterns. The table's row of
a cell has a one in each lane where the cell is active; a segment's overlaps are the sums of the
rows that its synapses name. Rows enter carry-save adders three at a time,

    sum = x ⊕ y ⊕ z,    carry = xy ∨ xz ∨ yz,

one pair of bit operations for all lanes, and plane k of the result holds bit k of every lane's sum.
A sum of K planes reaches a bound b where adding 2^K - b overflows. Rows shorter than a vector are
joined, so that a vector then holds several segments side by side.

Source: Harley and Seal's adders, in Warren, Hacker's Delight, 2nd ed., §5-1.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, no_type_check
from zlib import crc32

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

WORDS = 8
TILE = 8
CHUNK = 32
BYTE, INT, LONG = (ir.IntType(bits) for bits in (8, 32, 64))
VECTOR = ir.VectorType(LONG, WORDS)
ZEROS = ir.Constant(VECTOR, [0] * WORDS)
# One instruction that computes any function of three bits; the numbers are the functions' tables.
ODD, MAJORITY = 0x96, 0xE8
# Numba's cache of compiled code notices changes in the kernel's file, but not in this one: kernels
# close over this hash, which changes with this file.
SOURCE_HASH = crc32(Path(__file__).read_bytes())
HAS_TERNARY = bool(binding.get_host_cpu_features().get("avx512f"))


def _of_three(builder: Any, table: int, x: Any, y: Any, z: Any) -> Any:
    if HAS_TERNARY:
        kind = ir.FunctionType(VECTOR, [VECTOR, VECTOR, VECTOR, INT])
        name = "llvm.x86.avx512.pternlog.q.512"
        call = cgutils.get_or_insert_function(builder.module, kind, name)
        return builder.call(call, [x, y, z, ir.Constant(INT, table)])
    if table == ODD:
        return builder.xor(builder.xor(x, y), z)
    return builder.or_(builder.and_(x, y), builder.and_(builder.or_(x, y), z))


def _planes(builder: Any, rows: Sequence) -> list:
    """Sums of the rows, plane 0 first; a row is added as soon as three of its weight are there."""
    waiting: list[list] = [[]]

    def add(value: Any, plane: int) -> None:
        if plane == len(waiting):
            waiting.append([])
        waiting[plane].append(value)
        if len(waiting[plane]) == 3:
            three, waiting[plane] = waiting[plane], []
            add(_of_three(builder, ODD, *three), plane)
            add(_of_three(builder, MAJORITY, *three), plane + 1)

    for row in rows:
        add(row, 0)
    for plane, left in enumerate(waiting):  # grows during the loop
        if len(left) == 2:
            waiting[plane] = [builder.xor(*left)]
            add(builder.and_(*left), plane + 1)
    return [left[0] for left in waiting if left]


def _total(builder: Any, x: Sequence, y: Sequence) -> list:
    """The sum of two sums in as many planes as the longer one, which has room for it."""
    x, y = sorted((list(x), list(y)), key=len)
    x += [ZEROS] * (len(y) - len(x))
    total, carry = [], ZEROS
    for a, b in zip(x, y, strict=True):
        total.append(_of_three(builder, ODD, a, b, carry))
        carry = _of_three(builder, MAJORITY, a, b, carry)
    return total


def spread(builder: Any, value: Any) -> Any:
    """A vector with the value in every word."""
    single = builder.insert_element(ZEROS, value, ir.Constant(INT, 0))
    places = ir.Constant(ir.VectorType(INT, WORDS), [0] * WORDS)
    return builder.shuffle_vector(single, ZEROS, places)


class Tile:
    """Access to eight segments' synapses, synapse by synapse, and to the table's rows."""

    def __init__(self, context: Any, builder: Any, signature: Any, args: Sequence, words: int):
        self._builder, self._words = builder, words
        table, tiles = (
            cgutils.create_struct_proxy(kind)(context, builder, value)
            for kind, value in zip(signature.args[:2], args[:2], strict=True)
        )
        self._rows = builder.bitcast(table.data, BYTE.as_pointer())
        stride = cgutils.unpack_tuple(builder, tiles.strides)[0]
        start = builder.bitcast(tiles.data, BYTE.as_pointer())
        start = builder.gep(start, [builder.mul(args[2], stride)])
        self._cells = builder.bitcast(start, tiles.data.type)
        self._segment = args[3]

    def row(self, synapse: Any) -> Any:
        """The table's rows of one synapse of neighbouring segments, joined to a vector."""
        builder = self._builder
        first = builder.add(builder.mul(synapse, ir.Constant(LONG, TILE)), self._segment)
        rows = [self._short(builder.add(first, LONG(i))) for i in range(WORDS // self._words)]
        while len(rows) > 1:
            words = 2 * rows[0].type.count
            places = ir.Constant(ir.VectorType(INT, words), list(range(words)))
            pairs = zip(rows[::2], rows[1::2], strict=True)
            rows = [builder.shuffle_vector(x, y, places) for x, y in pairs]
        return rows[0]

    def _short(self, place: Any) -> Any:
        builder = self._builder
        cell = builder.zext(builder.load(builder.gep(self._cells, [place])), LONG)
        start = builder.gep(self._rows, [builder.mul(cell, LONG(8 * self._words))])
        kind = ir.VectorType(LONG, self._words)
        return builder.load(builder.bitcast(start, kind.as_pointer()), align=8)


def _sums(context: Any, builder: Any, signature: Any, args: Sequence) -> list:
    """Planes of the sums over `chunks` times 32 synapses and the rest, straight-line but for them.

    The arguments are those of `reached`; sums of five planes are too small for a chunk.
    """
    words, rest, planes = (kind.literal_value for kind in signature.args[-3:])
    tile, chunks = Tile(context, builder, signature, args, words), args[4]
    if planes < CHUNK.bit_length():
        return _planes(builder, [tile.row(LONG(j)) for j in range(rest)])
    places = [cgutils.alloca_once_value(builder, ZEROS) for _ in range(planes)]
    with cgutils.for_range(builder, chunks) as loop:
        first = builder.mul(loop.index, LONG(CHUNK))
        more = _planes(builder, [tile.row(builder.add(first, LONG(j))) for j in range(CHUNK)])
        sums = _total(builder, [builder.load(place) for place in places], more)
        for place, plane in zip(places, sums, strict=True):
            builder.store(plane, place)
    first = builder.mul(chunks, LONG(CHUNK))
    rows = [tile.row(builder.add(first, LONG(j))) for j in range(rest)]
    return _total(builder, [builder.load(place) for place in places], _planes(builder, rows))


def any_set(builder: Any, vector: Any) -> Any:
    """Whether any bit of the vector is set."""
    words = builder.bitcast(builder.icmp_unsigned("!=", vector, ZEROS), BYTE)
    return builder.icmp_unsigned("!=", words, BYTE(0))


def vectors(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """The array's memory as vectors; its rows must be of 64 bytes."""
    data = cgutils.create_struct_proxy(kind)(context, builder, array).data
    return builder.bitcast(data, VECTOR.as_pointer())


@intrinsic(prefer_literal=True)
@no_type_check
def reached(typing, table, tiles, tile, segment, chunks, bound, out, words, rest, planes):
    """Whether any lane's sum reaches the bound, in [1, 2^planes]; `out` gets the lanes that do.

    Args:
        typing: Numba's.
        table: a row of `words` words for each cell.
        tiles: cells, (tiles, synapses, 8).
        tile: which tile.
        segment: which of its eight segments is the first in the vector.
        chunks: the sums are over the first 32 · chunks + rest synapses.
        bound: what to reach.
        out: eight rows of a vector each; the vector's place among the tile's gives the row.
        words: 1, 2, 4 or 8, known when compiling, as are the next two.
        rest: fewer than 32.
        planes: bits of the largest sum.
    """

    def generate(context, builder, signature, args):
        sums = _sums(context, builder, signature, args)
        bias = builder.sub(LONG(1 << len(sums)), args[5])
        carry = ZEROS
        for k, plane in enumerate(sums):
            bit = builder.and_(builder.lshr(bias, LONG(k)), LONG(1))
            every = spread(builder, builder.neg(bit))
            carry = _of_three(builder, MAJORITY, plane, every, carry)
        places = vectors(context, builder, signature.args[6], args[6])
        row = builder.udiv(args[3], LONG(WORDS // words.literal_value))
        builder.store(carry, builder.gep(places, [row]), align=8)
        return any_set(builder, carry)

    shape = (table, tiles, tile, segment, chunks, bound, out, words, rest, planes)
    return types.boolean(*shape), generate


@intrinsic(prefer_literal=True)
@no_type_check
def tallied(typing, table, tiles, tile, segment, chunks, top, out, words, rest, planes):
    """Adds to out[v], v = 0 … top, word by word, how many lanes have the sum v."""

    def generate(context, builder, signature, args):
        sums = _sums(context, builder, signature, args)
        count = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(VECTOR, [VECTOR]), "llvm.ctpop.v8i64"
        )
        places = vectors(context, builder, signature.args[6], args[6])
        ones = ir.Constant(VECTOR, [-1] * WORDS)
        left = cgutils.alloca_once_value(builder, ones)
        with cgutils.for_range(builder, builder.add(args[5], LONG(1))) as loop:
            equal = builder.load(left)
            for k, plane in enumerate(sums):
                bit = builder.and_(builder.lshr(loop.index, LONG(k)), LONG(1))
                other = spread(builder, builder.sub(bit, LONG(1)))
                equal = builder.and_(equal, builder.xor(plane, other))
            place = builder.gep(places, [loop.index])
            so_far = builder.load(place, align=8)
            builder.store(builder.add(so_far, builder.call(count, [equal])), place, align=8)
            builder.store(builder.xor(builder.load(left), equal), left)
            with builder.if_then(builder.not_(any_set(builder, builder.load(left)))):
                loop.do_break()
        return context.get_dummy_value()

    shape = (table, tiles, tile, segment, chunks, top, out, words, rest, planes)
    return types.none(*shape), generate


@intrinsic
@no_type_check
def fetch(typing, array, place):
    """Prefetches the array's element into the cache."""

    def generate(context, builder, signature, args):
        data = cgutils.create_struct_proxy(signature.args[0])(context, builder, args[0]).data
        start = builder.bitcast(builder.gep(data, [args[1]]), BYTE.as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [start.type, INT, INT, INT])
        call = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(call, [start, INT(0), INT(3), INT(1)])
        return context.get_dummy_value()

    return types.none(array, place), generate
