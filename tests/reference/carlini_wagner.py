"""The Carlini-Wagner L2 attack on one image, in numpy, as the paper has it."""

import numpy as np


def attack(logits, pull, image, target, *, rate, steps, searches, constant, kappa):
    """The nearest success [...] and its squared distance; None without one.

    Args:
        logits: (image) -> [K].
        pull: (image, cotangent [K]) -> gradient, shaped as the image.
        image: in [0, 1].
    """
    start = np.arctanh(0.999999 * (2 * image - 1))
    low, high, nearest, shortest = 0.0, np.inf, None, np.inf
    for _ in range(searches):
        w, mean, square, found, before = start, 0.0, 0.0, False, np.inf
        for step in range(1, steps + 1):
            changed = (np.tanh(w) + 1) / 2
            distance, z = ((changed - image) ** 2).sum(), logits(changed)
            rival = max((k for k in range(len(z)) if k != target), key=lambda k: z[k])
            margin = z[target] - z[rival]
            if margin >= kappa and margin > 0:
                found = True
                if distance < shortest:
                    nearest, shortest = changed, distance
            gradient = 2 * (changed - image)
            if margin < kappa:
                towards = np.eye(len(z))[rival] - np.eye(len(z))[target]
                gradient = gradient + constant * pull(changed, towards)
            gradient = gradient * (1 - np.tanh(w) ** 2) / 2
            mean = 0.9 * mean + 0.1 * gradient
            square = 0.999 * square + 0.001 * gradient**2
            unbiased = np.sqrt(square / (1 - 0.999**step))
            w = w - rate * mean / (1 - 0.9**step) / (unbiased + 1e-8)
            if step % (steps // 10) == 0:
                loss = distance + constant * max(kappa - margin, 0)
                if loss > 0.9999 * before:
                    break
                before = loss
        if found:
            high = min(high, constant)
        else:
            low = max(low, constant)
        constant = (low + high) / 2 if np.isfinite(high) else 10 * constant
    return nearest, shortest
