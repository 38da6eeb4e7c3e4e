"""An ONNX graph that can be looked up and changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy.typing as npt
from onnx import AttributeProto, GraphProto, NodeProto, numpy_helper


class Graph:
    """A GraphProto with its nodes looked up by what they produce and consume; removed nodes go when it is `compact`ed."""

    def __init__(self, proto: GraphProto) -> None:
        self.proto = proto
        self.initialisers = {tensor.name: tensor for tensor in proto.initializer}
        self.producer = {name: node for node in proto.node for name in node.output if name}
        self.consumers: dict[str, list[NodeProto]] = defaultdict(list)
        for node in proto.node:
            for name in node.input:
                self.consumers[name].append(node)
        self._replaced: dict[int, list[NodeProto]] = {}

    def constant(self, name: str) -> npt.NDArray[Any] | None:
        """The value of an initialiser or of a Constant node."""
        if name in self.initialisers:
            return numpy_helper.to_array(self.initialisers[name])
        node = self.producer.get(name)
        if node is not None and node.op_type == "Constant":
            return numpy_helper.to_array(node.attribute[0].t)
        return None

    def made_by(self, name: str, op: str) -> NodeProto | None:
        """The node that makes `name`, if it is an `op`."""
        node = self.producer.get(name)
        return node if node is not None and node.op_type == op else None

    def only_consumer(self, node: NodeProto, op: str) -> NodeProto | None:
        """The one node that reads the output of `node`, if it is an `op`."""
        readers = self.consumers[node.output[0]]
        return readers[0] if len(readers) == 1 and readers[0].op_type == op else None

    def add_constant(self, name: str, value: npt.NDArray[Any]) -> str:
        tensor = numpy_helper.from_array(value, name)
        self.proto.initializer.append(tensor)
        self.initialisers[name] = tensor
        return name

    def shared_constant(self, name: str, value: npt.NDArray[Any]) -> str:
        """A constant that several nodes read: added once."""
        return name if name in self.initialisers else self.add_constant(name, value)

    def replace(self, old: NodeProto, *new: NodeProto) -> None:
        """Put `new` in the place of `old` when the graph is compacted."""
        self._replaced[id(old)] = list(new)

    def insert_after(self, node: NodeProto, *new: NodeProto) -> None:
        self.replace(node, node, *new)

    def compact(self) -> None:
        """Apply the replacements, and drop what no output depends on."""
        nodes = [new for node in self.proto.node for new in self._replaced.get(id(node), [node])]
        needed = {output.name for output in self.proto.output}
        kept: list[NodeProto] = []
        for node in reversed(nodes):  # the nodes are in topological order
            if needed.intersection(node.output):
                kept.append(node)
                needed.update(_inputs(node))
        kept.reverse()
        used = [tensor for tensor in self.proto.initializer if tensor.name in needed]
        del self.proto.node[:]
        self.proto.node.extend(kept)
        del self.proto.initializer[:]
        self.proto.initializer.extend(used)


def _inputs(node: NodeProto) -> Iterator[str]:
    """What a node reads, also inside its subgraphs."""
    yield from node.input
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            for inner in attribute.g.node:
                yield from _inputs(inner)
