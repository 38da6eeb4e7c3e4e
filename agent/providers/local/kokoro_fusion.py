"""Makes the decoder of the Kokoro graph cheaper without changing what it computes: fewer passes over arrays that are larger than the caches.

- Each normalisation (mean, variance, scale and shift by channel), nine operations in the published graph, becomes the one operation that it is.
- The activation x + sin²(αx)/α takes three passes instead of five: α goes into the scale before it, 1/α into the weights after it.
- The Fourier transform of 20 samples becomes a convolution with its 22 basis functions: onnxruntime's own is made for long windows.

Patterns that are not found are left as they are; `join` tells how many were.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, helper

from agent.providers.local.onnx_graph import Graph

EPSILON: Final = 1e-5


class Joined(NamedTuple):
    """What was replaced."""

    normalisations: int
    activations: int
    transforms: int


def join(graph: Graph) -> Joined:
    """Replace all that can be; the graph is compact afterwards."""
    normalisations = sum(_normalisation(graph, node) for node in list(graph.proto.node) if node.op_type == "Div")
    transforms = sum(_transform(graph, node) for node in list(graph.proto.node) if node.op_type == "STFT")
    for node in graph.proto.node:
        if node.op_type == "Atan":
            _phase(graph, node)
    graph.compact()
    graph = Graph(graph.proto)
    activations = sum(_activation(graph, node) for node in list(graph.proto.node) if node.op_type == "Sin")
    graph.compact()
    return Joined(normalisations, activations, transforms)


def _other(node: NodeProto, name: str) -> str:
    """The input of a node of two that is not `name`."""
    return str(node.input[1] if node.input[0] == name else node.input[0])


def _flat(graph: Graph) -> str:
    return graph.shared_constant("flat_shape", np.array([-1]))


def _normalisation(graph: Graph, div: NodeProto) -> int:
    """(x − mean) / √(mean((x − mean)²) + ε), times a scale, plus a shift, each of shape (1, channels, 1); tells how many end here."""
    centred, deviation = graph.made_by(div.input[0], "Sub"), graph.made_by(div.input[1], "Sqrt")
    mean = graph.made_by(centred.input[1], "ReduceMean") if centred is not None else None
    if (
        centred is None
        or deviation is None
        or mean is None
        or mean.input[0] != centred.input[0]
        or not _is_variance(graph, deviation, centred)
    ):
        return 0
    joined = 0
    for scaled in graph.consumers[div.output[0]]:
        shifted = graph.only_consumer(scaled, "Add") if scaled.op_type == "Mul" else None
        if shifted is None:
            continue
        name = shifted.output[0]
        scale, shift = f"{name}_scale", f"{name}_shift"
        graph.replace(
            shifted,
            helper.make_node("Reshape", [_other(scaled, div.output[0]), _flat(graph)], [scale], name=scale),
            helper.make_node("Reshape", [_other(shifted, scaled.output[0]), _flat(graph)], [shift], name=shift),
            helper.make_node("InstanceNormalization", [centred.input[0], scale, shift], [name], name=f"{name}_norm", epsilon=EPSILON),
        )
        joined += 1
    return joined


def _is_variance(graph: Graph, deviation: NodeProto, centred: NodeProto) -> bool:
    """Whether √ is taken of the mean of the squares of `centred`, over time, plus ε."""
    added = graph.made_by(deviation.input[0], "Add")
    if added is None:
        return False
    for name, other in (added.input, reversed(added.input)):
        mean, epsilon = graph.made_by(name, "ReduceMean"), graph.constant(other)
        if mean is None or epsilon is None or epsilon.size != 1 or not np.isclose(float(epsilon), EPSILON):
            continue
        squared = graph.made_by(mean.input[0], "Mul")
        axes = graph.constant(mean.input[1])
        return squared is not None and set(squared.input) == {centred.output[0]} and axes is not None and axes.tolist() in ([2], [-1])
    return False


def _activation(graph: Graph, sine: NodeProto) -> int:
    """y + sin²(αy)/α between a normalisation that gives y and a convolution: with z = αy it is (z + sin² z)/α."""
    inner = graph.made_by(sine.input[0], "Mul")
    power = graph.only_consumer(sine, "Pow")
    outer = graph.only_consumer(power, "Mul") if power is not None else None
    total = graph.only_consumer(outer, "Add") if outer is not None else None
    if inner is None or power is None or outer is None or total is None or graph.constant(power.input[1]) != 2:
        return 0
    y = _other(total, outer.output[0])
    alpha, inverse = graph.constant(_other(inner, y)), graph.constant(_other(outer, power.output[0]))
    norm = graph.made_by(y, "InstanceNormalization")
    image = graph.only_consumer(total, "Unsqueeze")
    convolution = graph.only_consumer(image, "Conv") if image is not None else None
    if norm is None or convolution is None or alpha is None or inverse is None or y not in inner.input or len(graph.consumers[y]) != 2:
        return 0
    weight = graph.constant(convolution.input[1])
    if weight is None:
        return 0
    z = f"{y}_turned"
    turn = graph.add_constant(f"{z}_by", alpha.reshape(-1).astype(np.float32))
    scale, shift, sin, square = (f"{z}_{part}" for part in ("scale", "shift", "sin", "square"))
    graph.replace(
        norm,
        helper.make_node("Mul", [norm.input[1], turn], [scale], name=scale),
        helper.make_node("Mul", [norm.input[2], turn], [shift], name=shift),
        helper.make_node("InstanceNormalization", [norm.input[0], scale, shift], [z], name=z, epsilon=EPSILON),
    )
    graph.replace(
        total,
        helper.make_node("Sin", [z], [sin], name=sin),
        helper.make_node("Mul", [sin, sin], [square], name=square),
        helper.make_node("Add", [z, square], [total.output[0]], name=total.name),
    )
    convolution.input[1] = graph.add_constant(f"{convolution.input[1]}_turned", (weight * inverse.reshape(1, -1, 1, 1)).astype(np.float32))
    return 1


def _transform(graph: Graph, node: NodeProto) -> int:
    """STFT of a signal (1, samples) into (1, frames, bins, 2), real and imaginary part."""
    step, window, length = (graph.constant(name) for name in node.input[1:4])
    if step is None or window is None or length is None:
        return 0
    bases = _fourier_bases(window.astype(np.float64), int(length))
    name = node.output[0]
    kernel = graph.add_constant(f"{name}_bases", bases[:, None, :])
    channel = graph.shared_constant("channel_axis", np.array([1]))
    shape = graph.add_constant(f"{name}_shape", np.array([1, -1, len(bases) // 2, 2]))
    steps = [f"{name}_{part}" for part in ("signal", "products", "frames")]
    graph.replace(
        node,
        helper.make_node("Unsqueeze", [node.input[0], channel], [steps[0]], name=steps[0]),
        helper.make_node("Conv", [steps[0], kernel], [steps[1]], name=steps[1], kernel_shape=[int(length)], strides=[int(step)]),
        helper.make_node("Transpose", [steps[1]], [steps[2]], name=steps[2], perm=[0, 2, 1]),
        helper.make_node("Reshape", [steps[2], shape], [name], name=node.name),
    )
    return 1


def _phase(graph: Graph, arctangent: NodeProto) -> None:
    """Where the imaginary part is zero and the real one negative, the phase is π, as in the network's training. The published graph, which asks whether the
    imaginary part is greater than zero, says −π."""
    for shifted in graph.consumers[arctangent.output[0]]:
        for choice in graph.consumers[shifted.output[0]]:
            positive = graph.made_by(choice.input[0], "Greater") if choice.op_type == "Where" else None
            if positive is not None and graph.constant(positive.input[1]) == 0:
                positive.op_type = "GreaterOrEqual"


def _fourier_bases(window: npt.NDArray[np.float64], length: int) -> npt.NDArray[np.float32]:
    """(2·bins, length): of each frequency the windowed cosine and the negative sine.

    Sines that are zero are exactly that: whether the phase of the lowest and the highest frequency is π or −π hangs on the sign of the smallest error.
    """
    turns = np.outer(np.arange(length // 2 + 1), np.arange(length)) % length / length
    sines = np.where(turns * 2 % 1 == 0, 0.0, -np.sin(2 * np.pi * turns))
    return (np.stack([np.cos(2 * np.pi * turns), sines], axis=1).reshape(-1, length) * window).astype(np.float32)
