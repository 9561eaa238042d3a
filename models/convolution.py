"""A small convolutional network for 8x8 images, trained by plain NumPy: forward, backward, Adam.

conv 3x3 (1 to 8 channels, zero-padded), ReLU, conv 3x3 (8 to 16), ReLU, max pool 2x2, dense to the classes. Images and
activations are channels-last here, [N, H, W, C]; weights of a convolution are [3, 3, C in, C out].
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
CHANNELS = (1, 8, 16)
KERNEL = 3


@dataclass(frozen=True, slots=True)
class Network:
    """Weights of both convolutions, then of the dense layer (rows in the order y, x, channel); biases likewise."""

    weights: tuple[Floats, Floats, Floats]
    biases: tuple[Floats, Floats, Floats]

    def scores(self, images: Floats) -> Floats:
        """Logits [N, classes] of `images` [N, 8, 8, 1]."""
        return _forward(self, images)[-1]


def fit(images: Floats, labels: NDArray[np.int64], *, epochs: int, seed: int) -> Network:
    """A network trained on `images` [N, 8, 8, 1] with values in [0, 1] and `labels` [N], by Adam on batches of 32."""
    generator = np.random.default_rng(seed)
    size = images.shape[1] // 2
    shapes = (
        (KERNEL, KERNEL, CHANNELS[0], CHANNELS[1]),
        (KERNEL, KERNEL, CHANNELS[1], CHANNELS[2]),
        (size * size * CHANNELS[2], int(labels.max()) + 1),
    )
    weights = [generator.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape) for shape in shapes]
    parameters = [*weights, *(np.zeros(shape[-1]) for shape in shapes)]
    moments = [(np.zeros_like(p), np.zeros_like(p)) for p in parameters]
    step = 0
    for epoch in range(epochs):
        rate = 2e-3 * (1 - epoch / epochs)
        order = generator.permutation(len(images))
        for batch in np.array_split(order, len(images) // 32):
            step += 1
            network = Network(tuple(parameters[:3]), tuple(parameters[3:]))
            for parameter, (first, second), gradient in zip(
                parameters, moments, _gradients(network, images[batch], labels[batch]), strict=True
            ):
                first[...] += 0.1 * (gradient - first)
                second[...] += 0.001 * (gradient**2 - second)
                parameter[...] -= rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return Network(tuple(parameters[:3]), tuple(parameters[3:]))


def _windows(x: Floats) -> Floats:
    """The zero-padded 3x3 window around every pixel: [N, H, W, C] to [N, H, W, 3, 3, C]."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (KERNEL, KERNEL), axis=(1, 2))
    return np.moveaxis(windows, 3, -1)


def _forward(network: Network, images: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    (first, second, dense), (b1, b2, b3) = network.weights, network.biases
    one = np.maximum(np.tensordot(_windows(images), first, 3) + b1, 0)
    two = np.maximum(np.tensordot(_windows(one), second, 3) + b2, 0)
    n, height, width, channels = two.shape
    pooled = two.reshape(n, height // 2, 2, width // 2, 2, channels).max((2, 4))
    return one, two, pooled, pooled.reshape(n, -1) @ dense + b3


def _gradients(network: Network, images: Floats, labels: NDArray[np.int64]) -> list[Floats]:
    """Of the mean cross-entropy, in the order weights, biases."""
    one, two, pooled, logits = _forward(network, images)
    n = len(images)
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    d_logits = (shifted / shifted.sum(1, keepdims=True) - np.eye(logits.shape[1])[labels]) / n
    d_pooled = (d_logits @ network.weights[2].T).reshape(pooled.shape)
    spread = np.repeat(np.repeat(d_pooled, 2, 1), 2, 2)
    chosen = two == np.repeat(np.repeat(pooled, 2, 1), 2, 2)
    d_two = spread * chosen * (two > 0)
    d_one = np.tensordot(_windows(d_two)[:, :, :, ::-1, ::-1], network.weights[1], ([3, 4, 5], [0, 1, 3])) * (one > 0)
    pixels = ([0, 1, 2], [0, 1, 2])
    return [
        np.tensordot(_windows(images), d_one, pixels),
        np.tensordot(_windows(one), d_two, pixels),
        pooled.reshape(n, -1).T @ d_logits,
        d_one.sum((0, 1, 2)),
        d_two.sum((0, 1, 2)),
        d_logits.sum(0),
    ]
