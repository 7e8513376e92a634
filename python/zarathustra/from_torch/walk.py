"""The walk over an exported program: every tensor becomes a constant, a value or a refusal.

Tensors that do not depend on the input's elements (parameters, masks, positions, sizes) are
computed by running the program once on made-up rows. The number of these rows is a prime that
divides no size of the program, so that what runs over the rows is told from everything else.
"""

import operator

import torch

from ..errors import Refused, Unsupported, UnsupportedPart
from ..graph import Graph
from .value import ROWS, Bad, Value

PRIMES = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59)
"""Numbers of rows to choose from."""


class Walk:
    """State of the walk: ``env`` has each node's tensor, ``data`` the nodes that depend on the
    input, ``values`` what they became."""

    def __init__(self, program, handlers):
        self.program = program
        self.handlers = handlers
        self.graph = Graph()
        self.env = {}
        self.data = set()
        self.values = {}
        self.names = {}
        self.learned = set()
        self.uses = {}
        self.rows = None

    def run(self):
        """Walks over all nodes and returns the output's node in the graph."""
        self._placeholders()
        for node in self.program.graph.nodes:
            if node.op == "placeholder":
                continue
            if node.op == "output":
                return self._output(node)
            self._evaluate(node)
            if any(source in self.data for source in node.all_input_nodes):
                self._visit(node)
            elif any(source in self.learned for source in node.all_input_nodes):
                self.learned.add(node)
        raise Refused("torch_program", "the program has no output")

    def _placeholders(self):
        signature = self.program.graph_signature
        constants = {
            **dict(signature.inputs_to_parameters),
            **dict(signature.inputs_to_buffers),
            **dict(signature.inputs_to_lifted_tensor_constants),
        }
        users = []
        for node in self.program.graph.nodes:
            if node.op != "placeholder":
                continue
            if node.name in constants:
                self.names[node] = name = constants[node.name]
                found = self.program.state_dict.get(name)
                found = self.program.constants[name] if found is None else found
                self.env[node] = found.detach()
                if node.name in signature.inputs_to_parameters:
                    self.learned.add(node)
            elif isinstance(node.meta.get("val"), torch.Tensor):
                users.append(node)
            else:
                self.env[node] = node.meta.get("val")
        self.rows = self._count(users)
        for node in users:
            self._user(node)

    def _count(self, users):
        """How many rows to run with: a prime if the program takes any number, else 1."""
        first = {node.name: node.meta["val"].shape[:1] for node in users}
        fixed = {name: s[0] for name, s in first.items() if s and isinstance(s[0], int)}
        if not users or not all(first.values()):
            raise Refused("torch_rows", "every input has to have rows as its first dimension")
        if fixed:
            wrong = [(name, f"has {n} rows") for name, n in fixed.items() if n != 1]
            if wrong or len(fixed) != len(users):
                message = "the number of rows of every input has to be open, or 1"
                raise Refused("torch_rows", message, wrong)
            return 1
        sizes = {
            int(n)
            for node in self.program.graph.nodes
            for n in getattr(node.meta.get("val"), "shape", ())
            if isinstance(n, int)
        }
        return next((p for p in PRIMES if all(n % p for n in sizes)), 61)

    def _user(self, node):
        fake = node.meta["val"]
        open_ = [d for d, n in enumerate(fake.shape[1:], 1) if not isinstance(n, int)]
        if open_:
            items = [(node.name, f"dimension {open_[0]} is open")]
            raise Refused("torch_shape", "only the rows may be open", items)
        shape = [int(n) for n in fake.shape[1:]]
        generator = torch.Generator().manual_seed(len(self.env))
        if fake.dtype in (torch.int64, torch.int32):
            dtype = "i32"
            below, size = self._entries(node), (self.rows, *shape)
            self.env[node] = torch.randint(below, size, dtype=fake.dtype, generator=generator)
        elif fake.dtype == torch.float32:
            dtype = "f32"
            self.env[node] = torch.randn(self.rows, *shape, generator=generator)
        else:
            items = [(node.name, f"holds {fake.dtype}")]
            raise Refused("torch_dtype", "inputs are 32-bit floats or integers", items)
        name = self.graph.input(node.name, shape or [1], dtype)
        self.data.add(node)
        self.values[node] = Value.of(name, len(shape))

    def _entries(self, node):
        """How many integers an input may hold: as many as the smallest table that it is looked up
        in has rows, or one."""
        tables = [
            self.env[user.args[0]].shape[0]
            for user in node.users
            if user.op == "call_function" and self.key(user) == "embedding"
            if user.args[0] in self.env
        ]
        return min(tables, default=1)

    def _evaluate(self, node):
        try:
            if node.op == "get_attr":
                self.env[node] = operator.attrgetter(node.target)(self.program.graph_module)
                return
            args = torch.fx.node.map_arg(node.args, self.env.__getitem__)
            kwargs = torch.fx.node.map_arg(node.kwargs, self.env.__getitem__)
            with torch.no_grad():
                self.env[node] = node.target(*args, **kwargs)
        except Exception as error:
            items = [(self.label(node), f"{type(error).__name__}: {error}")]
            raise Refused("torch_program", "the program does not run", items) from error

    def _visit(self, node):
        if not _has_tensor(self.env[node]):
            # A size, or a check of one, is no part of the model.
            return
        self.data.add(node)
        key = self.key(node)
        if "dropout" in key and self.bind(node).get("train", self.bind(node).get("training")):
            # Attention looks through dropout, which has to do nothing then.
            what = "drops out though the model was put in evaluation mode"
            raise Refused("torch_training", "the model is random", [(self.label(node), what)])
        bad = [s for n in node.all_input_nodes for s in self.reasons(n)]
        handler = self.handlers.get(key)
        if handler is None:
            self.values[node] = Bad([*bad, (self.label(node), "is not supported")])
            return
        try:
            _check_dtype(self.env[node])
            self.values[node] = handler(self, node, self.bind(node))
        except UnsupportedPart as error:
            self.values[node] = Bad([(self.label(node), str(error))])
        except Unsupported as error:
            self.values[node] = Bad(bad or [(self.label(node), str(error))])

    def _output(self, node):
        outputs = node.args[0]
        kinds = {spec.kind.name for spec in self.program.graph_signature.output_specs}
        if kinds != {"USER_OUTPUT"}:
            message = "the program changes its buffers; call model.eval() before the export"
            raise Refused("torch_program", message)
        if len(outputs) != 1 or outputs[0] not in self.data:
            message = "the model has to answer exactly one tensor that depends on its input"
            raise Refused("torch_outputs", message)
        self._settle_inputs()
        value = self.values[outputs[0]]
        if isinstance(value, Bad):
            message = "the model uses what has no counterpart"
            raise Refused("torch_unsupported", message, value.reasons)
        if not isinstance(value, Value) or value.dims[:1] != ((ROWS,),) or not value.first():
            message = "the output has to have the rows as its first dimension"
            raise Refused("torch_rows", message)
        return value.name

    def _settle_inputs(self):
        wrong = []
        for entry in self.graph.inputs:
            users = {n["op"] for n in self.graph.nodes if entry["name"] in n["inputs"]}
            if entry["dtype"] == "i32" and users - {"embedding"}:
                wrong.append((entry["name"], "holds integers, which can only be embedded"))
        if wrong:
            raise Refused("torch_unsupported", "the model uses what has no counterpart", wrong)

    # What handlers ask for.

    def key(self, node):
        """The operation's name without overload."""
        if node.target is operator.getitem:
            return "getitem"
        schema = getattr(node.target, "_schema", None)
        return schema.name.removeprefix("aten::") if schema else str(node.target)

    def label(self, node):
        """Where a refusal is: the node, its operation, and the module that called it."""
        stack = list((node.meta.get("nn_module_stack") or {}).values())
        path = stack[-1][0] if stack else ""
        return f"{path + ': ' if path else ''}{node.name} ({node.target})"

    def reasons(self, node):
        """Why ``node`` cannot be expressed, if so."""
        value = self.values.get(node)
        return value.reasons if isinstance(value, Bad) else ()

    def bind(self, node):
        """A call's arguments by name; nodes that depend on the input stay nodes."""

        def constant(value):
            if isinstance(value, torch.fx.Node):
                return value if value in self.data else self.env[value]
            if isinstance(value, (list, tuple)):
                return [constant(inner) for inner in value]
            return value

        schema = getattr(node.target, "_schema", None)
        if schema is None:
            return {str(i): constant(value) for i, value in enumerate(node.args)}
        given = {a.name: v for a, v in zip(schema.arguments, node.args)} | node.kwargs
        return {
            a.name: constant(given[a.name]) if a.name in given else a.default_value
            for a in schema.arguments
            if a.name in given or a.has_default_value()
        }

    def value(self, node):
        """What a node that depends on the input became; raises where it could not be expressed."""
        if not isinstance(node, torch.fx.Node):
            raise Unsupported("an operand that does not depend on the input is not supported")
        value = self.values[node]
        if isinstance(value, Bad):
            raise Unsupported("follows from what is not supported")
        if not isinstance(value, Value):
            raise Unsupported("an operation with several results has to be taken apart")
        return value

    def shape(self, value):
        """The shape of a value's node."""
        return self.graph.shapes[value.name]

    def owner(self, node):
        """The name of the module whose parameter ``node`` takes, or else of the node."""
        seen, todo = set(), [(n, n) for n in node.all_input_nodes if n not in self.data]
        while todo:
            found, direct = todo.pop(0)
            if found in self.names:
                name = self.names[found]
                if self.uses.setdefault(direct, node) is not node:
                    note = f"{name} is used more than once and becomes separate copies"
                    self.graph.notes.append(note)
                return name.rpartition(".")[0] or name
            if found not in seen:
                seen.add(found)
                todo += [(n, direct) for n in found.all_input_nodes]
        return node.name

    def number(self, node, constant):
        """The one number that an operand of ``node`` is, or ``None``.

        Parameters are numbers only if they are single: others may be equal at first.
        """
        learned = any(source in self.learned for source in node.all_input_nodes)
        if learned and isinstance(constant, torch.Tensor):
            if constant.numel() > 1:
                return None
            self.graph.notes.append(f"{self.owner(node)}: a single parameter becomes a constant")
        return number(constant)

    def same(self, node, value):
        """The value of an operation that changes nothing."""
        return Value(value.name, value.dims)

    def add(self, op, values, node, runs=None, name=None, **attributes):
        """Appends a node to the graph and returns its value; ``runs`` are the value's ``dims``."""
        added = self.graph.add(op, [v.name for v in values], name or node.name, **attributes)
        return Value(added, values[0].dims if runs is None else runs)


def number(value):
    """A constant's one number, or ``None``."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, torch.Tensor) and value.numel() and not value.is_complex():
        first = value.reshape(-1)[0]
        if bool((value == first).all()):
            return float(first)
    return None


def array(tensor):
    """A constant as an array of 32-bit floats."""
    if not isinstance(tensor, torch.Tensor) or not tensor.dtype.is_floating_point:
        raise Unsupported("a parameter that is no tensor of floats")
    return tensor.detach().to(torch.float32).cpu().numpy()


def _has_tensor(value):
    if isinstance(value, (list, tuple)):
        return any(_has_tensor(inner) for inner in value)
    return isinstance(value, torch.Tensor)


def _check_dtype(value):
    floats = isinstance(value, torch.Tensor) and value.dtype.is_floating_point
    if floats and value.dtype != torch.float32:
        raise Unsupported(f"computes in {value.dtype}, and only 32-bit floats are supported")
