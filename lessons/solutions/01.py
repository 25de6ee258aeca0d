# %% [markdown]
# Answers to lesson 01. Yours may look different: what counts is that the check passes it.

# %% tags=["exercise:01.a"]
def matmul(a, b):
    def vjp_a(g):                               # a[i, k] went into row i of the product, each time beside b[k, j]
        return g @ b.swapaxes(-1, -2)           # (m, n) @ (n, k)

    def vjp_b(g):                               # b[k, j] went into column j, each time beside a[i, k]
        return a.swapaxes(-1, -2) @ g           # (k, m) @ (m, n)

    return a @ b, (vjp_a, vjp_b)


# %% tags=["exercise:01.b"]
def unbroadcast(g, shape):
    while g.ndim > len(shape):                  # axes that NumPy put in front
        g = g.sum(axis=0)
    for axis, size in enumerate(shape):         # axes of length 1 that were stretched
        if size == 1:
            g = g.sum(axis=axis, keepdims=True)
    return g


# %% tags=["exercise:01.c"]
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
                grads[parent] = grads[parent] + share if parent in grads else share
