"""What is joined computes what it computed before, on small graphs of the published form."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from agent.providers.local.kokoro_fusion import Joined, join
from agent.providers.local.onnx_graph import Graph

RANDOM = np.random.default_rng(3)
CHANNELS, TIME = 4, 60


def _model(nodes: list[onnx.NodeProto], inputs: dict[str, list[object]], **constants: np.ndarray) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_empty_tensor_value_info("out")],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def _run(model: onnx.ModelProto, **inputs: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (out,) = session.run(None, inputs)
    return np.asarray(out)


def _block(power: float = 2.0, epsilon: float = 1e-5) -> onnx.ModelProto:
    """Normalisation, activation and convolution as the exporter wrote them."""
    make = helper.make_node
    alpha = RANDOM.uniform(0.5, 2.0, (1, CHANNELS, 1)).astype(np.float32)
    nodes = [
        make("ReduceMean", ["x", "time"], ["mean"], keepdims=1),
        make("Sub", ["x", "mean"], ["centred"]),
        make("Mul", ["centred", "centred"], ["squared"]),
        make("ReduceMean", ["squared", "time"], ["variance"], keepdims=1),
        make("Add", ["variance", "epsilon"], ["above"]),
        make("Sqrt", ["above"], ["deviation"]),
        make("Div", ["centred", "deviation"], ["even"]),
        make("Mul", ["scale", "even"], ["scaled"]),
        make("Add", ["scaled", "shift"], ["y"]),
        make("Mul", ["alpha", "y"], ["turned"]),
        make("Sin", ["turned"], ["sine"]),
        make("Pow", ["sine", "power"], ["square"]),
        make("Mul", ["inverse", "square"], ["bent"]),
        make("Add", ["y", "bent"], ["active"]),
        make("Unsqueeze", ["active", "time"], ["image"]),
        make("Conv", ["image", "weight"], ["out"], kernel_shape=[1, 3], pads=[0, 1, 0, 1]),
    ]
    column: list[object] = [1, CHANNELS, 1]
    return _model(
        nodes,
        {"x": [1, CHANNELS, "t"], "scale": column, "shift": column},
        time=np.array([2]),
        epsilon=np.float32(epsilon),
        alpha=alpha,
        inverse=1 / alpha,
        power=np.float32(power),
        weight=RANDOM.normal(size=(5, CHANNELS, 1, 3)).astype(np.float32),
    )


def _inputs() -> dict[str, np.ndarray]:
    def column() -> np.ndarray:
        return RANDOM.normal(1, 0.5, (1, CHANNELS, 1)).astype(np.float32)

    return {"x": RANDOM.normal(3, 2, (1, CHANNELS, TIME)).astype(np.float32), "scale": column(), "shift": column()}


def test_a_block_is_joined_and_gives_the_same() -> None:
    model, inputs = _block(), _inputs()
    before = _run(model, **inputs)
    assert join(Graph(model.graph)) == Joined(normalisations=1, activations=1, transforms=0)
    operations = [node.op_type for node in model.graph.node]
    assert not {"ReduceMean", "Sub", "Div", "Pow"} & set(operations)
    assert operations.count("InstanceNormalization") == operations.count("Sin") == 1
    assert _run(model, **inputs) == pytest.approx(before, abs=1e-4)


@pytest.mark.parametrize(("power", "epsilon", "expected"), [(3.0, 1e-5, Joined(1, 0, 0)), (2.0, 1e-3, Joined(0, 0, 0))])
def test_what_has_another_form_is_left_as_it_is(power: float, epsilon: float, expected: Joined) -> None:
    model, inputs = _block(power, epsilon), _inputs()
    before = _run(model, **inputs)
    assert join(Graph(model.graph)) == expected
    assert _run(model, **inputs) == pytest.approx(before, abs=1e-4)


def _spectrum() -> onnx.ModelProto:
    """Short Fourier transform and phase, as the exporter wrote them; gives the phase."""
    make = helper.make_node
    nodes = [
        make("STFT", ["x", "step", "window", "length"], ["spectrum"], onesided=1),
        make("Gather", ["spectrum", "first"], ["real"], axis=3),
        make("Gather", ["spectrum", "second"], ["imaginary"], axis=3),
        make("Div", ["imaginary", "real"], ["ratio"]),
        make("Atan", ["ratio"], ["angle"]),
        make("Add", ["angle", "pi"], ["more"]),
        make("Sub", ["angle", "pi"], ["less"]),
        make("Greater", ["imaginary", "zero"], ["upper"]),
        make("Where", ["upper", "more", "less"], ["left"]),
        make("Less", ["real", "zero"], ["is_left"]),
        make("Where", ["is_left", "left", "angle"], ["out"]),
    ]
    window = np.hanning(21)[:20].astype(np.float32)
    numbers = {"step": np.array(5), "length": np.array(20), "first": np.array(0), "second": np.array(1)}
    return _model(nodes, {"x": [1, "n"]}, window=window, pi=np.float32(np.pi), zero=np.float32(0), **numbers)


def test_the_phase_of_a_short_transform_is_that_of_an_exact_one() -> None:
    model = _spectrum()
    assert join(Graph(model.graph)) == Joined(0, 0, 1)
    x = RANDOM.normal(size=(1, 400)).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(x[0].astype(np.float64), 20)[::5] * np.hanning(21)[:20]
    expected = np.fft.rfft(frames)
    phase = _run(model, x=x)[0]
    assert phase.shape == expected.shape
    apart = np.angle(np.exp(1j * (phase - np.angle(expected))))
    assert np.abs(apart).max() < 1e-3
    for edge in (0, 10):  # the frequencies without an imaginary part: π, never −π, where the real part is negative
        assert phase[:, edge] == pytest.approx(np.where(expected[:, edge].real < 0, np.pi, 0.0), abs=1e-6)
