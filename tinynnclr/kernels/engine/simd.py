"""The micro-kernel: one register tile of a matrix product, in vectors of the host's own width.

A core can multiply and add two whole vectors (16 floats on AVX-512, 8 on AVX2, 4 on NEON) twice per
clock tick, but it can fetch only about as many numbers from memory. A product C = A B therefore
runs at full speed only if every number fetched is used many times. So we compute C in *tiles* small
enough to live in registers: MR rows by NR columns. For one step k of the sum we fetch MR numbers of
A and NR of B and do MR * NR multiplications with them:

        B[k, 0:NR]              NR = 2 vectors
      +-----------+
  A   | . . . . . |             acc[i, :] += A[i, k] * B[k, :]: a number of A, copied to all lanes,
[i,k] | . . . . . |  MR rows    times a vector of B, added to a vector of C in its register
      +-----------+

The tile does not care where its numbers come from. Row i of A starts at `a_off[i]`, and its sum
runs over `blocks` times `runs` stretches of `run_len` numbers, so A may be a matrix, a transposed
matrix, or the patches of padded images, without a copy. Row i of C is written at
`c_off[i]`. B is read in *panels*: NR neighbouring columns, row after row, with the width filled up
with zeros, so that each step k reads consecutive memory. Everything else (matmul, convolutions and
their gradients, neighbour search) is `contract` below, called with other offsets.

Sources: Goto & van de Geijn 2008, "Anatomy of high-performance matrix multiplication" (tiles and
panels); Dukhan 2019, "The indirect convolution algorithm" (rows that start anywhere).
"""
import platform

from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.core.codegen import get_host_cpu_features
from numba.core.errors import TypingError
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from .compile import jit

# parts of LLVM's names for processors
_AVX512 = ("avx512", "x86-64-v4", "znver4", "znver5", "znver6", "icelake", "cascadelake",
           "cooperlake", "cannonlake", "rocketlake", "tigerlake", "rapids", "knl", "knm")
_AVX2 = ("avx2", "x86-64-v3", "haswell", "broadwell", "znver", "bdver4", "lake", "gracemont",
         "forest", "grandridge")


def _host() -> tuple[int, int]:
    """(bytes in a vector, rows in a tile) for the processor that Numba compiles for."""
    features, name = config.CPU_FEATURES or "", config.CPU_NAME or ""
    if not name or name == "host":
        features = features or get_host_cpu_features()

    def has(feature, names):
        named = any(part in name for part in names)
        return f"+{feature}" in features or f"-{feature}" not in features and named

    if has("avx512f", _AVX512):
        # 32 registers: 16 for the tile, 2 for B, 1 for A, and 8 row addresses in the integer ones
        return 64, 8
    if has("avx2", _AVX2 + _AVX512):
        return 32, 6  # 16 registers: 12 + 2 + 1
    # LLVM may report no features
    if has("neon", ("apple",)) or platform.machine().lower() in ("arm64", "aarch64"):
        return 16, 8
    return 16, 4  # SSE2, or a processor we do not know: LLVM splits the vectors as it must


VECTOR_BYTES, MR = _host()
PANELS = 4  # packed side by side
# steps of the sum between two visits to C: a KC x NR panel of B stays in the first-level cache
KC = 256

_I64 = ir.IntType(64)
A, A_OFF, B, C, C_OFF = 0, 2, 11, 14, 16  # where the arrays stand among the arguments of a tile


def _hide(builder, number):
    """The same number, but LLVM does not know how it was computed.

    It would otherwise advance a pointer for every row of A at every step, which takes more
    instructions than the loads themselves.
    """
    return builder.asm(ir.FunctionType(number.type, [number.type]), "", "=r,0", [number], False)


def _tile(vectors):
    """An intrinsic for tiles MR rows high and `vectors` vectors wide."""

    @intrinsic
    def tile(typing, a, a_base, a_off, row, last, blocks, block_stride, runs, run_stride, run_len,
             k_stride, b, b_start, b_pitch, c, c_base, c_off, column, width, accumulate):
        if a.dtype not in (types.float32, types.float64):
            raise TypingError(f"tile: expected float32 or float64, got {a.dtype}")
        number = types.intp
        signature = types.void(a, number, a_off, *[number] * 8, b, number, number, c, number, c_off,
                               number, number, types.boolean)

        def codegen(context, builder, sig, args):
            (a, a_base, a_off, row, last, blocks, block_stride, runs, run_stride, run_len, k_stride,
             b, b_start, b_pitch, c, c_base, c_off, column, width, accumulate) = args
            scalar = context.get_data_type(sig.args[0].dtype)
            itemsize = 4 if sig.args[0].dtype == types.float32 else 8
            lanes = VECTOR_BYTES // itemsize
            vector = ir.VectorType(scalar, lanes)
            undefined, zero = ir.Constant(vector, ir.Undefined), ir.Constant(vector, [0.0] * lanes)
            to_all_lanes = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)

            def data(position, value):
                return make_array(sig.args[position])(context, builder, value).data

            def load(pointer):
                value = builder.load(builder.bitcast(pointer, vector.as_pointer()))
                value.align = itemsize
                return value

            def store(value, pointer):
                builder.store(value, builder.bitcast(pointer, vector.as_pointer())).align = itemsize

            def prefetch(pointer):
                byte, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
                kind = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
                fn = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
                builder.call(fn, [builder.bitcast(pointer, byte), flag(1), flag(3), flag(1)])

            def at(pointer, *offsets):
                total = offsets[0]
                for offset in offsets[1:]:
                    total = builder.add(total, offset)
                return builder.gep(pointer, [total])

            # Where each row starts. Rows past the last one repeat it: they compute and write the
            # same numbers again.
            a_rows, c_rows = [], []
            for i in range(MR):
                wanted = builder.add(row, _I64(i))
                index = builder.select(builder.icmp_signed("<", wanted, last), wanted, last)
                a_rows.append(at(data(A, a), a_base, builder.load(at(data(A_OFF, a_off), index))))
                c_rows.append(at(data(C, c), c_base, builder.load(at(data(C_OFF, c_off), index)),
                                 column))
            acc = [[cgutils.alloca_once_value(builder, zero) for _ in range(vectors)] for _
                   in range(MR)]
            # a row cut off by C's border
            edge = cgutils.alloca_once(builder, ir.ArrayType(scalar, vectors * lanes))
            edge = builder.bitcast(edge, scalar.as_pointer())
            whole = builder.icmp_signed(">=", width, _I64(vectors * lanes))

            def each_vector(visit):
                for i in range(MR):
                    for v in range(vectors):
                        visit(acc[i][v], c_rows[i], _I64(v * lanes))

            each_vector(lambda register, _row, _offset: builder.store(zero, register))
            with builder.if_then(accumulate):
                for c_row in c_rows:
                    for v in range(vectors):
                        prefetch(at(c_row, _I64(v * lanes)))

            steps = builder.mul(runs, run_len)
            with (cgutils.for_range(builder, blocks) as block,
                  cgutils.for_range(builder, runs) as run):
                a_run = builder.add(builder.mul(block.index, block_stride),
                                    builder.mul(run.index, run_stride))
                b_run = builder.add(builder.mul(block.index, steps),
                                    builder.mul(run.index, run_len))
                b_run = builder.add(b_start, builder.mul(b_run, b_pitch))
                with cgutils.for_range(builder, run_len) as k:
                    a_k = _hide(builder, builder.add(a_run, builder.mul(k.index, k_stride)))
                    b_k = at(data(B, b), b_run, builder.mul(k.index, b_pitch))
                    b_row = [load(at(b_k, _I64(v * lanes))) for v in range(vectors)]
                    for i in range(MR):
                        one = builder.insert_element(undefined, builder.load(at(a_rows[i], a_k)),
                                                     ir.IntType(32)(0))
                        one = builder.shuffle_vector(one, undefined, to_all_lanes)
                        for v in range(vectors):
                            product = builder.fmul(one, b_row[v], flags=["contract"])
                            total = builder.fadd(builder.load(acc[i][v]), product,
                                                 flags=["contract"])
                            builder.store(total, acc[i][v])

            def add(register, pointer):
                builder.store(builder.fadd(load(pointer), builder.load(register)), register)

            with builder.if_else(whole) as (then, otherwise):
                with then:
                    with builder.if_then(accumulate):
                        each_vector(lambda register, c_row, o: add(register, at(c_row, o)))
                    each_vector(lambda register, c_row,
                                o: store(builder.load(register), at(c_row, o)))
                with otherwise:
                    with builder.if_then(accumulate):
                        for i in range(MR):
                            with cgutils.for_range(builder, width) as j:
                                builder.store(builder.load(at(c_rows[i], j.index)),
                                              at(edge, j.index))
                            for v in range(vectors):
                                add(acc[i][v], at(edge, _I64(v * lanes)))
                    for i in range(MR):
                        for v in range(vectors):
                            store(builder.load(acc[i][v]), at(edge, _I64(v * lanes)))
                        with cgutils.for_range(builder, width) as j:
                            builder.store(builder.load(at(edge, j.index)), at(c_rows[i], j.index))
            return context.get_dummy_value()

        return signature, codegen

    return tile


_narrow, _wide = _tile(1), _tile(2)


@jit
def panel_width(array):
    """NR, the columns in a panel, for the type of `array`."""
    return 2 * VECTOR_BYTES // array.itemsize


@intrinsic
def copy(typing, target, target_start, target_step, source, source_start, source_step, count):
    """target[target_start + i*target_step] = source[source_start + i*source_step] for i < count."""
    signature = types.void(target, types.intp, types.intp, source, types.intp, types.intp,
                           types.intp)

    def codegen(context, builder, sig, args):
        target, target_start, target_step, source, source_start, source_step, count = args
        to = builder.gep(make_array(sig.args[0])(context, builder, target).data, [target_start])
        origin = builder.gep(make_array(sig.args[3])(context, builder, source).data, [source_start])
        one = builder.icmp_signed("==", builder.or_(target_step, source_step), _I64(1))
        with builder.if_else(one) as (then, otherwise):
            with then:
                cgutils.memcpy(builder, to, origin, count)
            with otherwise:
                with cgutils.for_range(builder, count) as i:
                    number = builder.load(builder.gep(origin, [builder.mul(i.index, source_step)]))
                    builder.store(number, builder.gep(to, [builder.mul(i.index, target_step)]))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def copy_row(typing, target, target_start, source, source_start):
    """target[target_start:][:NR] = source[source_start:][:NR], unchecked: one row of a panel."""
    signature = types.void(target, types.intp, source, types.intp)

    def codegen(context, builder, sig, args):
        target, target_start, source, source_start = args
        to = builder.gep(make_array(sig.args[0])(context, builder, target).data, [target_start])
        origin = builder.gep(make_array(sig.args[2])(context, builder, source).data, [source_start])
        itemsize = 4 if sig.args[0].dtype == types.float32 else 8
        cgutils.memcpy(builder, to, origin, _I64(2 * VECTOR_BYTES // itemsize))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def column_max(typing, scores, rows, top):
    """top[j] = the largest of scores[i*NR + j] over i < rows, or -inf; NaN is ignored."""
    signature = types.void(scores, types.intp, top)

    def codegen(context, builder, sig, args):
        scores, rows, top = args
        scalar = context.get_data_type(sig.args[0].dtype)
        itemsize = 4 if sig.args[0].dtype == types.float32 else 8
        panel = ir.VectorType(scalar, 2 * VECTOR_BYTES // itemsize)
        source = make_array(sig.args[0])(context, builder, scores).data
        best = cgutils.alloca_once_value(builder, ir.Constant(panel, [float("-inf")] * panel.count))
        with cgutils.for_range(builder, rows) as i:
            row = builder.gep(source, [builder.mul(i.index, _I64(panel.count))])
            row = builder.load(builder.bitcast(row, panel.as_pointer()))
            row.align = itemsize
            before = builder.load(best)
            builder.store(builder.select(builder.fcmp_ordered(">", row, before), row, before), best)
        target = make_array(sig.args[2])(context, builder, top).data
        target = builder.bitcast(target, panel.as_pointer())
        builder.store(builder.load(best), target).align = itemsize
        return context.get_dummy_value()

    return signature, codegen


@jit
def pack(b, start, k_step, j_step, steps, columns, out):
    """Copy B[:steps, :columns], B[k, j] = b[start + k*k_step + j*j_step], into zero-filled panels.

    Panel q holds columns q*NR to (q+1)*NR, row after row: it starts at out[q*NR*steps].
    """
    nr = panel_width(b)
    whole = columns // nr if j_step == 1 else 0  # panels of which every row is a stretch of B
    for q in range(0, whole, PANELS):
        # along the rows of several panels at a time, so that whole cache lines of B are read
        for k in range(steps):
            for panel in range(q, min(q + PANELS, whole)):
                copy_row(out, (panel * steps + k) * nr, b, start + k * k_step + panel * nr)
    for j0 in range(whole * nr, columns, nr):
        width = min(nr, columns - j0)
        panel, origin = j0 * steps, start + j0 * j_step
        if width < nr:
            out[panel:panel + steps * nr] = 0.0
        for j in range(width):
            copy(out, panel + j, nr, b, origin + j * j_step, k_step, steps)


@jit
def contract(a, a_base, a_off, blocks, block_stride, runs, run_stride, run_len, k_stride,
             b, b_start, b_pitch, b_step, c, c_base, c_off, columns, accumulate):
    """C (+)= A B, tile by tile, on flat arrays of one float type; the caller checks every bound.

    The sum is over s = (block, run, k), in this order, block < blocks, run < runs, k < run_len.
    A[i, s] = a[a_base + a_off[i] + block*block_stride + run*run_stride + k*k_stride]
    B[s, j] = b[b_start + s*b_pitch + j], columns from j0 on in the panel at b_start + j0*b_step;
              the last panel must be readable to the full width of a vector
    C[i, j] = c[c_base + c_off[i] + j], for j < columns
    """
    nr = panel_width(a)
    rows = len(a_off)
    # one panel of B stays in the first-level cache while all rows pass by
    for j in range(0, columns, nr):
        width, start = columns - j, b_start + j * b_step
        for row in range(0, rows, MR):
            if 2 * width > nr:
                _wide(a, a_base, a_off, row, rows - 1, blocks, block_stride, runs, run_stride,
                      run_len, k_stride, b, start, b_pitch, c, c_base, c_off, j, width, accumulate)
            else:
                _narrow(a, a_base, a_off, row, rows - 1, blocks, block_stride, runs, run_stride,
                        run_len, k_stride, b, start, b_pitch, c, c_base, c_off, j, width,
                        accumulate)
