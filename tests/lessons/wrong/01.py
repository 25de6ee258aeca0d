# %% [markdown]
# Plausible wrong answers to lesson 01, each with its diagnosis; the checks must fail all of them.

# %%
import numpy as np

# %% tags=["exercise:01.a"]
# diagnosis: no transposes; the shapes fit for square matrices, so only the numbers are wrong there
def matmul(a, b):
    return a @ b, (lambda g: g @ b, lambda g: a @ g)

# %% tags=["exercise:01.a"]
# diagnosis: the two vjps in the wrong order, each the other's
def matmul(a, b):
    return a @ b, (lambda g: a.swapaxes(-1, -2) @ g, lambda g: g @ b.swapaxes(-1, -2))

# %% tags=["exercise:01.a"]
# diagnosis: the right transposes on the wrong sides
def matmul(a, b):
    return a @ b, (lambda g: b.swapaxes(-1, -2) @ g, lambda g: g @ a.swapaxes(-1, -2))

# %% tags=["exercise:01.a"]
# diagnosis: .T turns all axes around, the batch's too; right for two matrices
def matmul(a, b):
    return a @ b, (lambda g: g @ b.T, lambda g: a.T @ g)

# %% tags=["exercise:01.a"]
# diagnosis: averages g and sums b apart from each other; a sum of products is not a product of sums
def matmul(a, b):
    def vjp_a(g):
        return g.mean(-1, keepdims=True) * b.sum(-1)[..., None, :]

    return a @ b, (vjp_a, lambda g: a.sum(-2)[..., None] * g.mean(-2, keepdims=True))

# %% tags=["exercise:01.a"]
# diagnosis: right gradients, wrong method: the whole Jacobian of a, (m n) x (m k) numbers, nearly all of them zeros
def matmul(a, b):
    def vjp_a(g):
        jacobian = np.einsum("ip,...kj->...ijpk", np.eye(a.shape[-2]), b)
        return np.einsum("...ij,...ijpk->...pk", g, jacobian)

    return a @ b, (vjp_a, lambda g: a.swapaxes(-1, -2) @ g)

# %% tags=["exercise:01.b"]
# diagnosis: sums the axes that NumPy put in front, and forgets those of length 1 that were stretched
def unbroadcast(g, shape):
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    return g

# %% tags=["exercise:01.b"]
# diagnosis: without keepdims an axis of length 1 is gone, and (2, 1) comes back as (2,)
def unbroadcast(g, shape):
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    return g.sum(axis=tuple(i for i, size in enumerate(shape) if size == 1))

# %% tags=["exercise:01.b"]
# diagnosis: the mean of what the copies got; each of them moved the loss, so they add up
def unbroadcast(g, shape):
    while g.ndim > len(shape):
        g = g.mean(axis=0)
    for axis, size in enumerate(shape):
        if size == 1:
            g = g.mean(axis=axis, keepdims=True)
    return g

# %% tags=["exercise:01.b"]
# diagnosis: takes axes away from the end; NumPy lines shapes up at the end and adds axes in front
def unbroadcast(g, shape):
    while g.ndim > len(shape):
        g = g.sum(axis=-1)
    for axis, size in enumerate(shape):
        if size == 1:
            g = g.sum(axis=axis, keepdims=True)
    return g

# %% tags=["exercise:01.b"]
# diagnosis: takes the first copy's gradient for the gradient: right shape, and the other copies go free
def unbroadcast(g, shape):
    while g.ndim > len(shape):
        g = g[0]
    return g[tuple(slice(size) for size in shape)]

# %% tags=["exercise:01.b"]
# diagnosis: knows a bias (n,) and a number (); a column (n, 1) beside a row is beyond it
def unbroadcast(g, shape):
    if g.shape == shape:
        return g
    return g.sum(axis=0).reshape(shape) if len(shape) == 1 and shape[0] == g.shape[-1] else g.sum().reshape(shape)

# %% tags=["exercise:01.c"]
# diagnosis: what arrives second replaces what came first, so a value used twice gets half
def backward(root, g):
    grads = {root: g}
    while grads:
        node = max(grads, key=lambda n: n.order)
        g = grads.pop(node)
        if not node.parents:
            node.grad = g if node.grad is None else node.grad + g
        for parent, vjp in zip(node.parents, node.vjps, strict=True):
            if parent is not None:
                grads[parent] = vjp(g)

# %% tags=["exercise:01.c"]
# diagnosis: doubles where a parent was seen already; right for x * x, wrong as soon as the two shares differ
def backward(root, g):
    grads = {root: g}
    while grads:
        node = max(grads, key=lambda n: n.order)
        g = grads.pop(node)
        if not node.parents:
            node.grad = g.copy() if node.grad is None else node.grad + g
        for parent, vjp in zip(node.parents, node.vjps, strict=True):
            if parent is not None:
                grads[parent] = 2 * vjp(g) if parent in grads else vjp(g)

# %% tags=["exercise:01.c"]
# diagnosis: adds in place, into an array that another node was given, too
def backward(root, g):
    grads = {root: g}
    while grads:
        node = max(grads, key=lambda n: n.order)
        g = grads.pop(node)
        if not node.parents:
            node.grad = g.copy() if node.grad is None else node.grad + g
        for parent, vjp in zip(node.parents, node.vjps, strict=True):
            if parent is not None:
                share = vjp(g)
                if parent in grads:
                    grads[parent] += share
                else:
                    grads[parent] = share

# %% tags=["exercise:01.c"]
# diagnosis: right gradients, wrong method: every path is walked on its own, and their number doubles with each sum
def backward(root, g):
    if not root.parents:
        root.grad = g.copy() if root.grad is None else root.grad + g
    for parent, vjp in zip(root.parents, root.vjps, strict=True):
        if parent is not None:
            backward(parent, vjp(g))

# %% tags=["exercise:01.c"]
# diagnosis: right gradients, wrong method: first come, first served, so a node passes on before its blame is complete
def backward(root, g):
    grads = {root: g}
    while grads:
        node = next(iter(grads))
        g = grads.pop(node)
        if not node.parents:
            node.grad = g.copy() if node.grad is None else node.grad + g
        for parent, vjp in zip(node.parents, node.vjps, strict=True):
            if parent is not None:
                share = vjp(g)
                grads[parent] = grads[parent] + share if parent in grads else share

# %% tags=["exercise:01.c"]
# diagnosis: a second graph replaces the grad of the first instead of adding to it
def backward(root, g):
    grads = {root: g}
    while grads:
        node = max(grads, key=lambda n: n.order)
        g = grads.pop(node)
        if not node.parents:
            node.grad = g.copy()
        for parent, vjp in zip(node.parents, node.vjps, strict=True):
            if parent is not None:
                share = vjp(g)
                grads[parent] = grads[parent] + share if parent in grads else share

# %% tags=["exercise:01.c"]
# diagnosis: leaves keep the very array that was passed around, and += then moves another leaf's grad
def backward(root, g):
    grads = {root: g}
    while grads:
        node = max(grads, key=lambda n: n.order)
        g = grads.pop(node)
        if not node.parents:
            if node.grad is None:
                node.grad = g
            else:
                node.grad += g
        for parent, vjp in zip(node.parents, node.vjps, strict=True):
            if parent is not None:
                share = vjp(g)
                grads[parent] = grads[parent] + share if parent in grads else share


# %% tags=["exercise:01.c"]
# diagnosis: a leaf keeps the very array it was given, which is the caller's g, or another leaf's gradient
def backward(root, g):
    grads = {root: g}
    while grads:
        node = max(grads, key=lambda n: n.order)
        g = grads.pop(node)
        if not node.parents:
            node.grad = g if node.grad is None else node.grad + g
        for parent, vjp in zip(node.parents, node.vjps, strict=True):
            if parent is not None:
                share = vjp(g)
                grads[parent] = grads[parent] + share if parent in grads else share


# %% tags=["exercise:01.c"]
# diagnosis: the second gradient is added in place to an array that somebody may still hold
def backward(root, g):
    grads = {root: g}
    while grads:
        node = max(grads, key=lambda n: n.order)
        g = grads.pop(node)
        if not node.parents:
            if node.grad is None:
                node.grad = g.copy()
            else:
                node.grad += g
        for parent, vjp in zip(node.parents, node.vjps, strict=True):
            if parent is not None:
                share = vjp(g)
                grads[parent] = grads[parent] + share if parent in grads else share
