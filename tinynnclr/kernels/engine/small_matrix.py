"""Sums and differences of stretches of memory, in vectors: the small matrices of Winograd.

`linear(matrix)` makes a function for one matrix of numbers that are mostly 0, 1 and -1:

    f(out, outs, x, ins, count, times, out_steps, in_steps)
    out[outs[i] + m*out_steps[i] + k] = sum_j matrix[i][j] * x[ins[j] + m*in_steps[j] + k]
    for m < times, k < count

Every x is read once and every out written once, the sums stay in registers, and nothing is checked.
Outputs named in `add` are added to what stands there.
"""
from collections.abc import Callable, Sequence

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from .simd import VECTOR_BYTES

_I64 = ir.IntType(64)


def linear(matrix: Sequence[Sequence[float]], add: Sequence[int] = ()) -> Callable:
    """An intrinsic that multiplies stretches of numbers by `matrix` (outputs x inputs)."""

    @intrinsic
    def apply(typing, out, outs, x, ins, count, times, out_steps, in_steps):
        signature = types.void(out, outs, x, ins, types.intp, types.intp, out_steps, in_steps)

        def codegen(context, builder, sig, args):
            out, outs, x, ins, count, times, out_steps, in_steps = args
            scalar = context.get_data_type(sig.args[0].dtype)
            itemsize = 4 if sig.args[0].dtype == types.float32 else 8
            lanes = VECTOR_BYTES // itemsize

            def data(position, value):
                return make_array(sig.args[position])(context, builder, value).data

            def numbers(position, value, many):
                return [builder.load(builder.gep(data(position, value), [_I64(i)])) for i
                        in range(many)]

            def places(base, first, steps):
                return [cgutils.alloca_once_value(builder, builder.gep(base, [at])) for at
                        in first], steps

            starts = [places(data(2, x), numbers(3, ins, len(matrix[0])),
                             numbers(7, in_steps, len(matrix[0]))),
                      places(data(0, out), numbers(1, outs, len(matrix)),
                             numbers(6, out_steps, len(matrix)))]

            def term(total, factor, value):
                if abs(factor) != 1:
                    constant = factor if value.type == scalar else [factor] * lanes
                    value = builder.fmul(value, ir.Constant(value.type, constant))
                    factor = 1
                if total is None:
                    return value if factor > 0 else builder.fneg(value)
                return builder.fadd(total, value) if factor > 0 else builder.fsub(total, value)

            def combine(kind, at, sources, targets):
                def place(pointer):
                    return builder.bitcast(builder.gep(pointer, [at]), kind.as_pointer())

                def load(pointer):
                    value = builder.load(place(pointer))
                    value.align = itemsize
                    return value

                values = [load(source) for source in sources]
                for i, (target, row) in enumerate(zip(targets, matrix, strict=True)):
                    total = load(target) if i in add else None
                    # positive terms first: none has to be negated
                    for factor, value in sorted(zip(row, values, strict=True),
                                                key=lambda pair: pair[0] < 0):
                        total = term(total, factor, value) if factor else total
                    builder.store(total, place(target)).align = itemsize

            blocks = builder.sdiv(count, _I64(lanes))
            whole = builder.mul(blocks, _I64(lanes))
            with cgutils.for_range(builder, times):
                sources, targets = ([builder.load(place) for place in group] for group, _ in starts)
                with cgutils.for_range(builder, blocks) as block:
                    combine(ir.VectorType(scalar, lanes), builder.mul(block.index, _I64(lanes)),
                            sources, targets)
                with cgutils.for_range(builder, builder.sub(count, whole)) as rest:
                    combine(scalar, builder.add(whole, rest.index), sources, targets)
                for group, steps in starts:
                    for place, step in zip(group, steps, strict=True):
                        builder.store(builder.gep(builder.load(place), [step]), place)
            return context.get_dummy_value()

        return signature, codegen

    return apply
