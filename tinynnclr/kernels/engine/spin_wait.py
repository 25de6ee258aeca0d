"""Wait for another thread without sleeping: read a number in memory for about a millisecond.

The operating system takes 50 to 100 us to wake a sleeping thread (measured on a virtual machine),
as long as a whole small kernel. A thread that spins in compiled code sees a change at once, and
holds no interpreter lock meanwhile.
"""
import platform

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from .compile import jit

LOOKS = 40_000  # reads: 1 ms at 25 ns each; Python needs less between two kernels of a step
GRACE = 300  # more reads after the change: by then its thread has released the interpreter lock

# the last one: "yield"
_PAUSE = {"x86_64": ("llvm.x86.sse2.pause", ()), "AMD64": ("llvm.x86.sse2.pause", ()),
          "aarch64": ("llvm.aarch64.hint", (1,)), "arm64": ("llvm.aarch64.hint", (1,))}


@intrinsic
def _load(typing, counter):
    """counter[0], read from memory each time."""
    def codegen(context, builder, signature, args):
        return builder.load_atomic(make_array(signature.args[0])(context, builder, args[0]).data,
                                   "acquire", 8)

    return types.int64(counter), codegen


@intrinsic
def _add_one(typing, counter):
    """counter[0] += 1, as one indivisible step that other threads see."""
    def codegen(context, builder, signature, args):
        pointer = make_array(signature.args[0])(context, builder, args[0]).data
        builder.atomic_rmw("add", pointer, ir.Constant(ir.IntType(64), 1), "release")
        return context.get_dummy_value()

    return types.void(counter), codegen


@intrinsic
def _pause(typing):
    """Tell the core that this thread only waits, which saves power and helps its other thread."""
    def codegen(context, builder, signature, args):
        name, numbers = _PAUSE.get(platform.machine(), (None, ()))
        if name:
            operands = [ir.Constant(ir.IntType(32), number) for number in numbers]
            kind = ir.FunctionType(ir.VoidType(), [operand.type for operand in operands])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, name), operands)
        return context.get_dummy_value()

    return types.void(), codegen


@jit
def spin(announce: np.ndarray, counter: np.ndarray, target: int, looks: int, grace: int) -> bool:
    """Add one to announce[0], then read counter[0] up to `looks` times: whether it reached target.
    """
    _add_one(announce)
    for _ in range(looks):
        if _load(counter) >= target:
            for _ in range(grace):
                _pause()
            return True
        _pause()
    return False
