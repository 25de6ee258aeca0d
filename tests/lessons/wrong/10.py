# %% [markdown]
# # 10 · Plausible ways to get it wrong

# %%
import numpy as np

# %% tags=["exercise:10.a"]
# diagnosis: what does not fit before the end is dropped, and the next batch begins at 0: the published bug
def enqueue(queue, z, ids):
    queue.clock += 1
    end = min(queue.pointer + len(z), len(queue.rows))
    fits = end - queue.pointer
    queue.rows[queue.pointer:end], queue.ids[queue.pointer:end] = z[:fits], ids[:fits]
    queue.born[queue.pointer:end] = queue.clock
    queue.pointer = end % len(queue.rows)

# %% tags=["exercise:10.a"]
# diagnosis: a batch that does not fit goes to the front as a whole, over rows that are not the oldest
def enqueue(queue, z, ids):
    queue.clock += 1
    if queue.pointer + len(z) > len(queue.rows):
        queue.pointer = 0
    places = slice(queue.pointer, queue.pointer + len(z))
    size = len(queue.rows)
    queue.rows[places], queue.ids[places], queue.born[places] = z[:size], ids[:size], queue.clock
    queue.pointer = (queue.pointer + len(z)) % size

# %% tags=["exercise:10.a"]
# diagnosis: wraps well, but of a batch larger than the queue it keeps the first rows instead of the last
def enqueue(queue, z, ids):
    size = len(queue.rows)
    z, ids = z[:size], ids[:size]
    queue.clock += 1
    places = (queue.pointer + np.arange(len(z))) % size
    queue.rows[places], queue.ids[places], queue.born[places] = z, ids, queue.clock
    queue.pointer = (queue.pointer + len(z)) % size

# %% tags=["exercise:10.a"]
# diagnosis: keeps the last rows of a large batch, but they start at the pointer, which then moves on by the whole batch
def enqueue(queue, z, ids):
    size, b = len(queue.rows), len(z)
    z, ids = z[-size:], ids[-size:]
    queue.clock += 1
    places = (queue.pointer + np.arange(len(z))) % size
    queue.rows[places], queue.ids[places], queue.born[places] = z, ids, queue.clock
    queue.pointer = (queue.pointer + b) % size

# %% tags=["exercise:10.a"]
# diagnosis: the ids are written without the wrap, so from the first wrap on they belong to other rows
def enqueue(queue, z, ids):
    size, b = len(queue.rows), len(z)
    kept = min(b, size)
    places = (queue.pointer + np.arange(b - kept, b)) % size
    queue.clock += 1
    queue.rows[places], queue.born[places] = z[b - kept:], queue.clock
    end = min(queue.pointer + b, size)
    queue.ids[queue.pointer:end] = ids[:end - queue.pointer]
    queue.pointer = (queue.pointer + b) % size

# %% tags=["exercise:10.a"]
# diagnosis: the rows wear the clock of the batch before, which makes the newest 2 steps old
def enqueue(queue, z, ids):
    size, b = len(queue.rows), len(z)
    kept = min(b, size)
    places = (queue.pointer + np.arange(b - kept, b)) % size
    queue.rows[places], queue.ids[places], queue.born[places] = z[b - kept:], ids[b - kept:], queue.clock
    queue.clock += 1
    queue.pointer = (queue.pointer + b) % size

# %% tags=["exercise:10.a"]
# diagnosis: right rows, wrong method: everybody moves up at every step, and the whole queue is copied
def enqueue(queue, z, ids):
    size = len(queue.rows)
    queue.clock += 1
    queue.rows = np.concatenate([queue.rows, z])[-size:]
    queue.ids = np.concatenate([queue.ids, ids])[-size:]
    queue.born = np.concatenate([queue.born, np.full(len(z), queue.clock)])[-size:]

# %% tags=["exercise:10.b"]
# diagnosis: counts age from 0, so the newest that are allowed are left out
def nearest_older(z, rows, born, clock, at_least):
    fine = clock - born >= at_least
    if not fine.any():
        return np.full(len(z), -1)
    return np.where(fine, z @ rows.T, -np.inf).argmax(axis=1)

# %% tags=["exercise:10.b"]
# diagnosis: young rows score 0, which beats every row that points away
def nearest_older(z, rows, born, clock, at_least):
    fine = clock - born + 1 >= at_least
    if not fine.any():
        return np.full(len(z), -1)
    return (z @ rows.T * fine).argmax(axis=1)

# %% tags=["exercise:10.b"]
# diagnosis: young rows score -1, a tie with a row that points the other way
def nearest_older(z, rows, born, clock, at_least):
    fine = clock - born + 1 >= at_least
    if not fine.any():
        return np.full(len(z), -1)
    return np.where(fine, z @ rows.T, -1).argmax(axis=1)

# %% tags=["exercise:10.b"]
# diagnosis: searches a shorter array and returns places in that one, not in the queue
def nearest_older(z, rows, born, clock, at_least):
    old = rows[clock - born + 1 >= at_least]
    if len(old) == 0:
        return np.full(len(z), -1)
    return (z @ old.T).argmax(axis=1)

# %% tags=["exercise:10.b"]
# diagnosis: no row is old enough, and argmax over nothing but -inf says 0, a row of this very batch
def nearest_older(z, rows, born, clock, at_least):
    fine = clock - born + 1 >= at_least
    return np.where(fine, z @ rows.T, -np.inf).argmax(axis=1)

# %% tags=["exercise:10.b"]
# diagnosis: right places, wrong method: the young rows are erased from the queue itself
def nearest_older(z, rows, born, clock, at_least):
    young = clock - born + 1 < at_least
    if young.all():
        return np.full(len(z), -1)
    rows[young] = np.nan
    return np.nanargmax(z @ rows.T, axis=1)

# %% tags=["exercise:10.c"]
# diagnosis: the usual small number in the denominator: a row of zeros comes in as a row of zeros
def entries(z):
    return z / (np.linalg.norm(z, axis=1, keepdims=True) + np.float32(1e-12))

# %% tags=["exercise:10.c"]
# diagnosis: looks for zeros only; NaN and infinity come in
def entries(z):
    length = np.linalg.norm(z, axis=1, keepdims=True)
    if (length == 0).any():
        raise FloatingPointError("zero")
    return z / length

# %% tags=["exercise:10.c"]
# diagnosis: looks for NaN in what goes in; zero and infinite rows become NaN later, in the division
def entries(z):
    if np.isnan(z).any():
        raise FloatingPointError("NaN")
    return z / np.linalg.norm(z, axis=1, keepdims=True)

# %% tags=["exercise:10.c"]
# diagnosis: lengths of columns, not of rows; a test with one row and one column hides it
def entries(z):
    length = np.linalg.norm(z, axis=0, keepdims=True)
    if not (np.isfinite(length) & (length > 0)).all():
        raise FloatingPointError("no direction")
    return z / length

# %% tags=["exercise:10.c"]
# diagnosis: right numbers, wrong method: divides in place, and so changes the caller's embeddings
def entries(z):
    length = np.linalg.norm(z, axis=1, keepdims=True)
    if not (np.isfinite(length) & (length > 0)).all():
        raise FloatingPointError("no direction")
    z /= length
    return z

# %% tags=["exercise:10.c"]
# diagnosis: right numbers, wrong method: rows that have length 1 already are handed on as they are, by reference
def entries(z):
    length = np.linalg.norm(z, axis=1, keepdims=True)
    if not (np.isfinite(length) & (length > 0)).all():
        raise FloatingPointError("no direction")
    return z if np.allclose(length, 1) else z / length

# %% tags=["exercise:10.c"]
# diagnosis: leaves out the rows that have no direction, without a word: the ids no longer belong to the rows
def entries(z):
    length = np.linalg.norm(z, axis=1, keepdims=True)
    fine = (np.isfinite(length) & (length > 0))[:, 0]
    return z[fine] / length[fine]


# %% tags=["exercise:10.a"]
# diagnosis: a batch as large as the queue takes the place of its arrays, which now belong to the caller as well
def enqueue(queue, z, ids):
    size, b = len(queue.rows), len(z)
    queue.clock += 1
    if b >= size:
        queue.rows, queue.ids, queue.born, queue.pointer = z[-size:], ids[-size:], np.full(size, queue.clock), 0
        return
    places = (queue.pointer + np.arange(b)) % size
    queue.rows[places], queue.ids[places], queue.born[places] = z, ids, queue.clock
    queue.pointer = (queue.pointer + b) % size


# %% tags=["exercise:10.b"]
# diagnosis: sorted without kind="stable": of many equals any may come first
def nearest_older(z, rows, born, clock, at_least):
    fine = clock - born + 1 >= at_least
    if not fine.any():
        return np.full(len(z), -1)
    return np.argsort(np.where(fine, -z @ rows.T, np.inf), axis=1)[:, 0]
