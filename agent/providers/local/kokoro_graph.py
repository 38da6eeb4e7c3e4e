"""Prepares the published Kokoro graph for onnxruntime on a CPU, once, when the model is installed.

- The int8 convolutions become float ones: onnxruntime has no fast CPU kernel for ConvInteger, so the small file was the slow one. The weights
  keep their quantised values, only the arithmetic changes.
- The duration of each phoneme becomes an output (`duration`, frames), for lip movement and subtitles.
- The decoder, where the time goes, computes only the frames that sound: the model puts about a second of silence around every utterance, which
  is more than half of a short clause.
- What the decoder does to whole arrays between its convolutions is joined (`kokoro_fusion`).

The weights are found by the shape of the graph around them, not by name; a graph that does not fit is an error.
"""

from __future__ import annotations

import sys
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper

from agent.models.errors import ModelCorrupt
from agent.providers.local.kokoro_fusion import join
from agent.providers.local.onnx_graph import Graph

FEATURES: Final = "/encoder/MatMul_1_output_0"
PITCH: Final = "/encoder/Reshape_output_0"
ENERGY: Final = "/encoder/Reshape_1_output_0"
"""What goes from the encoder into the decoder: (1, 512, frames), and (1, 2·frames) twice."""
SILENT_ENERGY: Final = -4.0
"""The predicted energy is about −9 in silence and 5 to 10 in speech; it crosses this within a frame of the audible edge."""
MARGIN_FRAMES: Final = 4
"""Of silence that is computed at either end, because the decoder's normalisations go over all of it: of 488 syllables Whisper misheard 38 with three frames, 26 with four,
and 27 to 32 with more."""


def dequantise(graph: Graph) -> int:
    """Turn the ConvInteger nodes into Conv nodes with the same weights in float; tells how many.

    The exported pattern, x: (xq, xs, xz) = DynamicQuantizeLinear(x); y = ConvInteger(xq, wq, xz, wz) [+ bias / (xs·ws)];
    result = Cast(y)·(xs·ws).
    """
    nodes = [node for node in graph.proto.node if node.op_type == "ConvInteger"]
    for node in nodes:
        _dequantise(graph, node)
    return len(nodes)


def _dequantise(graph: Graph, node: NodeProto) -> None:
    quantise = graph.made_by(node.input[0], "DynamicQuantizeLinear")
    weight = graph.constant(node.input[1])
    zero = graph.constant(node.input[3]) if len(node.input) > 3 else np.array(0)
    total, bias = node, ""
    if (added := graph.only_consumer(node, "Add")) is not None:
        total, bias = added, _bias(graph, added, node)
    cast = graph.only_consumer(total, "Cast")
    scaled = graph.only_consumer(cast, "Mul") if cast is not None else None
    if quantise is None or weight is None or zero is None or cast is None or scaled is None:
        raise ModelCorrupt(f"the Kokoro graph is not the expected one: {node.name} is quantised in another way")
    scale = _weight_scale(graph, scaled, cast)
    values = (weight.astype(np.float32) - _per_channel(zero, weight.ndim)) * _per_channel(scale, weight.ndim)
    graph.replace(scaled, *_convolution(graph, node, quantise.input[0], values.astype(np.float32), bias, scaled.output[0]))


def _convolution(graph: Graph, node: NodeProto, source: str, weight: npt.NDArray[np.float32], bias: str, result: str) -> list[NodeProto]:
    """A float convolution over time, (batch, channel, time), written as one over an image of height 1: onnxruntime's fast kernels are for images."""
    height = graph.shared_constant("height_axis", np.array([2]))
    kernel = graph.add_constant(f"{node.output[0]}_weight", weight[:, :, None, :])
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    if len(given["kernel_shape"]) != 1 or given.get("auto_pad", b"NOTSET") != b"NOTSET":
        raise ModelCorrupt(f"the Kokoro graph is not the expected one: {node.name} is not a plain convolution over time")
    before, after = given.get("pads", [0, 0])
    image, convolved = f"{node.output[0]}_image", f"{node.output[0]}_convolved"
    return [
        helper.make_node("Unsqueeze", [source, height], [image], name=f"{node.name}_image"),
        helper.make_node(
            "Conv",
            [image, kernel, bias] if bias else [image, kernel],
            [convolved],
            name=f"{node.name}_float",
            kernel_shape=[1, *given["kernel_shape"]],
            dilations=[1, *given.get("dilations", [1])],
            strides=[1, *given.get("strides", [1])],
            pads=[0, before, 0, after],
            group=given.get("group", 1),
        ),
        helper.make_node("Squeeze", [convolved, height], [result], name=f"{node.name}_result"),
    ]


def _bias(graph: Graph, added: NodeProto, node: NodeProto) -> str:
    """The float bias below the Reshape(Cast(Floor(Div(bias, scale)))) that made it an integer."""
    (name,) = (name for name in added.input if name != node.output[0])
    for op in ("Reshape", "Cast", "Floor", "Div"):
        step = graph.made_by(name, op)
        if step is None:
            raise ModelCorrupt(f"the Kokoro graph is not the expected one: the bias of {node.name} does not come through {op}")
        name = step.input[0]
    return name


def _weight_scale(graph: Graph, scaled: NodeProto, cast: NodeProto) -> npt.NDArray[Any]:
    (name,) = (name for name in scaled.input if name != cast.output[0])
    product = graph.made_by(name, "Mul")
    scales = [scale for factor in product.input if (scale := graph.constant(factor)) is not None] if product is not None else []
    if len(scales) != 1:
        raise ModelCorrupt(f"the Kokoro graph is not the expected one: {scaled.name} has no weight scale")
    return scales[0]


def _per_channel(value: npt.NDArray[Any], dimensions: int) -> npt.NDArray[np.float32]:
    """A scale or zero point, shaped to the weight's first axis, the output channels."""
    value = value.astype(np.float32)
    return value.reshape(()) if value.size == 1 else value.reshape((-1,) + (1,) * (dimensions - 1))


def give_durations(graph: Graph) -> None:
    """Give out how many frames each phoneme takes: `duration` (1, length), int64."""
    clips = [node for node in graph.proto.node if node.op_type == "Clip"]
    if len(clips) != 1:
        raise ModelCorrupt(f"the Kokoro graph is not the expected one: {len(clips)} Clip nodes, expected the one of the durations")
    graph.insert_after(clips[0], helper.make_node("Cast", [clips[0].output[0]], ["duration"], name="duration", to=TensorProto.INT64))
    graph.proto.output.append(helper.make_tensor_value_info("duration", TensorProto.INT64, [1, "sequence_length"]))


def crop_silence(graph: Graph) -> None:
    """Let the decoder compute only what sounds, and give out where that begins: `first_frame` (1), int64.

    The model predicts, before the decoder, an energy curve of two values a frame, which falls below the threshold where there is silence. The
    three inputs of the decoder are cut to the frames between the first and the last above it. (Shortening the durations of the padding
    instead swallows syllables: the prediction of the energy expects the silence to be there.)
    """
    for name in (FEATURES, PITCH, ENERGY):
        if name not in graph.producer:
            raise ModelCorrupt(f"the Kokoro graph is not the expected one: there is no {name}")
    number = {
        key: graph.add_constant(f"crop_{key}", np.array(value))
        for key, value in {
            "threshold": np.float32(SILENT_ENERGY),
            "two": [2],
            "one": [1],
            "zero": [0],
            "margin": [MARGIN_FRAMES],
            "time": [2],
        }.items()
    }
    nodes = [
        helper.make_node("Greater", [ENERGY, number["threshold"]], ["crop_loud"], name="crop_loud"),
        helper.make_node("Cast", ["crop_loud"], ["crop_level"], name="crop_level", to=TensorProto.FLOAT),
        # without a single loud value these are the first and the last of all
        helper.make_node("ArgMax", ["crop_level"], ["crop_first_2d"], name="crop_first", axis=1, keepdims=1),
        helper.make_node("ArgMax", ["crop_level"], ["crop_last_2d"], name="crop_last", axis=1, keepdims=1, select_last_index=1),
        helper.make_node("Squeeze", ["crop_first_2d", number["zero"]], ["crop_first"], name="crop_first_1d"),
        helper.make_node("Squeeze", ["crop_last_2d", number["zero"]], ["crop_last"], name="crop_last_1d"),
        helper.make_node("Div", ["crop_first", number["two"]], ["crop_first_frame"], name="crop_first_frame"),
        helper.make_node("Sub", ["crop_first_frame", number["margin"]], ["crop_early"], name="crop_early"),
        helper.make_node("Max", ["crop_early", number["zero"]], ["first_frame"], name="first_frame"),
        helper.make_node("Div", ["crop_last", number["two"]], ["crop_last_frame"], name="crop_last_frame"),
        helper.make_node("Add", ["crop_last_frame", number["margin"]], ["crop_late"], name="crop_late"),
        helper.make_node("Add", ["crop_late", number["one"]], ["crop_end"], name="crop_end"),  # Slice takes an end beyond the end
        helper.make_node("Mul", ["first_frame", number["two"]], ["crop_first_half"], name="crop_first_half"),
        helper.make_node("Mul", ["crop_end", number["two"]], ["crop_end_half"], name="crop_end_half"),
        helper.make_node("Slice", [FEATURES, "first_frame", "crop_end", number["time"]], [f"{FEATURES}_cropped"], name="crop_features"),
        helper.make_node("Slice", [PITCH, "crop_first_half", "crop_end_half", number["one"]], [f"{PITCH}_cropped"], name="crop_pitch"),
        helper.make_node("Slice", [ENERGY, "crop_first_half", "crop_end_half", number["one"]], [f"{ENERGY}_cropped"], name="crop_energy"),
    ]
    for name in (FEATURES, PITCH, ENERGY):
        readers = [node for node in graph.consumers[name] if node.name.startswith("/decoder")]
        if not readers:
            raise ModelCorrupt(f"the Kokoro graph is not the expected one: the decoder does not read {name}")
        for reader in readers:
            for position, given in enumerate(reader.input):
                if given == name:
                    reader.input[position] = f"{name}_cropped"
    order = {id(node): index for index, node in enumerate(graph.proto.node)}
    graph.insert_after(max((graph.producer[name] for name in (FEATURES, PITCH, ENERGY)), key=lambda node: order[id(node)]), *nodes)
    graph.proto.output.append(helper.make_tensor_value_info("first_frame", TensorProto.INT64, [1]))


def prepare(model: ModelProto) -> ModelProto:
    """Change `model` in place, and return it. Raises `ModelCorrupt` when its graph is another one."""
    graph = Graph(model.graph)
    dequantise(graph)
    graph.compact()
    graph = Graph(model.graph)
    give_durations(graph)
    crop_silence(graph)
    graph.compact()
    join(Graph(model.graph))
    del model.graph.value_info[:]
    return model


def main(source: str, target: str) -> None:
    onnx.save(prepare(onnx.load(source)), target)


if __name__ == "__main__":
    main(*sys.argv[1:])
