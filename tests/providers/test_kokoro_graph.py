"""The preparation of the Kokoro graph, on small graphs of the same form."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from agent.models.errors import ModelCorrupt
from agent.providers.local.kokoro_graph import ENERGY, FEATURES, MARGIN_FRAMES, PITCH, crop_silence, dequantise, give_durations
from agent.providers.local.onnx_graph import Graph

RANDOM = np.random.default_rng(7)


def _model(nodes: list[onnx.NodeProto], inputs: dict[str, list[object]], outputs: list[str], **constants: np.ndarray) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def _run(model: onnx.ModelProto, **inputs: np.ndarray) -> list[np.ndarray]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(None, inputs))


def _quantised_convolution() -> tuple[onnx.ModelProto, np.ndarray]:
    """A dynamically quantised convolution with a bias, as the exporter writes it; and its weights in float."""
    quantised = RANDOM.integers(0, 255, (6, 4, 3)).astype(np.uint8)
    scale, zero = np.float32(0.02), np.uint8(128)
    make = helper.make_node
    nodes = [
        make("DynamicQuantizeLinear", ["x"], ["xq", "xs", "xz"]),
        make(
            "ConvInteger", ["xq", "w", "xz", "wz"], ["y"], name="conv", kernel_shape=[3], pads=[2, 2], dilations=[2], strides=[1], group=1
        ),
        make("Mul", ["xs", "ws"], ["s"]),
        make("Div", ["bias", "s"], ["b1"]),
        make("Floor", ["b1"], ["b2"]),
        make("Cast", ["b2"], ["b3"], to=TensorProto.INT32),
        make("Reshape", ["b3", "shape"], ["b4"]),
        make("Add", ["y", "b4"], ["y1"]),
        make("Cast", ["y1"], ["y2"], to=TensorProto.FLOAT),
        make("Mul", ["y2", "s"], ["out"]),
    ]
    bias = RANDOM.normal(size=6).astype(np.float32)
    shape = np.array([1, -1, 1])
    constants = {"w": quantised, "wz": np.array(zero), "ws": np.array(scale), "bias": bias, "shape": shape}
    weights = (quantised.astype(np.float32) - 128) * scale
    return _model(nodes, {"x": [1, 4, "time"]}, ["out"], **constants), weights


def test_a_quantised_convolution_becomes_a_float_one_with_the_same_weights() -> None:
    model, weights = _quantised_convolution()
    x = RANDOM.normal(size=(1, 4, 50)).astype(np.float32)
    (before,) = _run(model, x=x)
    graph = Graph(model.graph)
    assert dequantise(graph) == 1
    graph.compact()
    assert {node.op_type for node in model.graph.node} == {"Unsqueeze", "Conv", "Squeeze"}
    assert all(tensor.data_type != TensorProto.UINT8 for tensor in model.graph.initializer)
    (after,) = _run(model, x=x)
    assert after.shape == before.shape
    expected = sum(
        np.einsum("oi,it->ot", weights[:, :, tap], np.pad(x[0], ((0, 0), (2, 2)))[:, 2 * tap : 2 * tap + 50]) for tap in range(3)
    )
    bias = numpy_helper.to_array(next(tensor for tensor in model.graph.initializer if tensor.name == "bias"))
    assert after[0] == pytest.approx(expected + bias[:, None], abs=1e-4)
    assert np.abs(after - before).max() < 0.02 * np.abs(before).max() + 0.05  # what rounding the input to 8 bits costs


def test_a_convolution_that_is_quantised_otherwise_is_an_error() -> None:
    model, _ = _quantised_convolution()
    model.graph.node[3].op_type = "Sub"
    with pytest.raises(ModelCorrupt, match="conv does not come through Div"):
        dequantise(Graph(model.graph))


def _synthesiser() -> onnx.ModelProto:
    """Encoder values straight from the inputs; a decoder that gives back what it got."""
    make = helper.make_node
    nodes = [
        make("Identity", ["f"], [FEATURES], name="/encoder/features"),
        make("Identity", ["p"], [PITCH], name="/encoder/pitch"),
        make("Identity", ["e"], [ENERGY], name="/encoder/energy"),
        make("Clip", ["d", "low"], ["clipped"], name="/encoder/Clip"),
        make("Identity", ["clipped"], ["d_out"], name="/encoder/use"),
        *(
            make("Identity", [name], [f"{kind}_out"], name=f"/decoder/{kind}")
            for kind, name in (("f", FEATURES), ("p", PITCH), ("e", ENERGY))
        ),
    ]
    shapes: dict[str, list[object]] = {"f": [1, 2, "t"], "p": [1, "t2"], "e": [1, "t2"], "d": [1, "n"]}
    return _model(nodes, shapes, ["f_out", "p_out", "e_out", "d_out"], low=np.float32(1))


def _cropped(energy: list[float]) -> tuple[list[np.ndarray], int]:
    model = _synthesiser()
    graph = Graph(model.graph)
    give_durations(graph)
    crop_silence(graph)
    graph.compact()
    frames = len(energy)
    halves = np.repeat(np.array(energy, np.float32), 2)[None]
    features = np.arange(2 * frames, dtype=np.float32).reshape(1, 2, frames)
    durations = np.array([[0.0, 3.0]], np.float32)
    *decoded, _, duration, first = _run(model, f=features, p=np.arange(2 * frames, dtype=np.float32)[None], e=halves, d=durations)
    assert duration.tolist() == [[1, 3]]
    return decoded, int(first[0])


def test_the_decoder_gets_the_sounding_frames_with_a_margin() -> None:
    (features, pitch, energy), first = _cropped([-9.0] * 10 + [5.0] * 4 + [-9.0] + [6.0] * 2 + [-9.0] * 12)
    assert first == 10 - MARGIN_FRAMES
    assert features[0, 0].tolist() == list(range(first, 17 + MARGIN_FRAMES))
    assert pitch[0].tolist() == list(range(2 * first, 2 * (17 + MARGIN_FRAMES)))
    assert energy.shape == pitch.shape


def test_speech_up_to_the_edges_and_no_speech_at_all_are_left_whole() -> None:
    for energy in ([5.0] * 8, [-9.0] * 8):
        (features, pitch, _), first = _cropped(energy)
        assert first == 0
        assert features.shape[2] == 8
        assert pitch.shape[1] == 16


def test_another_graph_is_an_error() -> None:
    model, _ = _quantised_convolution()
    with pytest.raises(ModelCorrupt, match="0 Clip nodes"):
        give_durations(Graph(model.graph))
    with pytest.raises(ModelCorrupt, match="there is no /encoder"):
        crop_silence(Graph(model.graph))
