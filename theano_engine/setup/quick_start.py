"""What Theano 1.0.5 does in every start for nothing or many times over, left or done once.

Reading the compile cache makes every fused operation (Composite) of every module that was ever
compiled able to compute in Python, which the C code of the modules is there to spare; and each
replacement that a graph refuses has Python look through all loaded modules for the caller's text.
Every DimShuffle reads its file of C code anew, every node that a graph takes in copies the set of
all its variables, and every variable looks up the lines of all functions that it was made in. Each
elementwise node makes a node of scalars, with its trace, to learn its dtypes from, and operations
are compared by tuples of all their properties.
"""

from __future__ import annotations

import linecache

from theano_engine.setup.theano_text import change


def install() -> None:
    """Leave it; only after Theano's import.

    Raises `SetupError` where the installed Theano is not the one that the changes were made for.
    """
    from theano.gof.toolbox import Validator
    from theano.scalar.basic import Composite

    change(
        Validator.validate_,
        "a9e156b69031704c",
        {
            "uf_info = inspect.getframeinfo(uf)": "caller = uf.f_code.co_name",
            "uf_info.function": "caller",
        },
    )
    change(
        Composite.__setstate__,
        "e76474f9d4140e02",
        {"self.init_fgraph()": "pass", "self.init_py_impls()": "pass"},
    )
    change(
        Composite.__getstate__,
        "37bfac144c587e17",
        {"del rval['fgraph']": "rval.pop('fgraph', None)"},
    )
    Composite.__getattr__ = _make_when_asked_for
    _read_c_code_once()
    _sort_without_copies()
    _look_for_cycles_among_operations()
    _look_up_lines_once()
    _ask_scalars_once()
    _compare_properties_one_by_one()


def _make_when_asked_for(composite, name: str):
    """The attributes `fgraph` and `_impls` of a Composite that was read or copied."""
    if name == "fgraph":
        composite.init_fgraph()
    elif name == "_impls":
        composite.init_py_impls()
    else:
        raise AttributeError(f"{type(composite).__name__} has no attribute {name!r}")
    return composite.__dict__[name]


def _read_c_code_once() -> None:
    from theano.gof.op import COp

    original = COp.load_c_code
    known: dict[tuple, dict] = {}

    def load_c_code(self, func_files):
        files = (type(self), *func_files)
        if files not in known:
            original(self, func_files)
            known[files] = {
                "func_codes": self.func_codes,
                "code_sections": self.code_sections,
            }
        for name, value in known[files].items():
            setattr(self, name, value.copy())

    COp.load_c_code = load_c_code


def _sort_without_copies() -> None:
    from theano.gof.graph import io_toposort

    change(
        io_toposort,
        "369db4fcba74eaf9",
        {
            "computed = set(inputs)": (
                "known, computed = inputs if isinstance(inputs, set) else set(inputs), set()"
            ),
            "cur.outputs[0] in computed": "cur.outputs[0] in computed or cur.outputs[0] in known",
            "i in computed or i.owner": "i in computed or i in known or i.owner",
        },
    )


def _look_for_cycles_among_operations() -> None:
    from theano.gof.destroyhandler import _contains_cycle

    change(
        _contains_cycle,
        "58e617c73b9dca8c",
        {"outputs = fgraph.outputs": "return has_cycle(fgraph.apply_nodes, orderings)"},
        has_cycle=has_cycle,
    )


def has_cycle(nodes, orderings) -> bool:
    """Whether an Apply node of `nodes` is to come before itself.

    `orderings` has, by node, the nodes that are to come before it besides those that make its
    inputs. Theano 1.0.5 counts variables along with nodes, which takes several times as long.
    """
    done: set = set()
    begun: set = set()
    for node in nodes:
        path = [node]
        while path:
            node = path[-1]
            if node in done:
                path.pop()
            elif node in begun:
                path.pop()
                begun.discard(node)
                done.add(node)
            else:
                begun.add(node)
                befores = [variable.owner for variable in node.inputs]
                befores.extend(orderings.get(node, ()))
                for before in befores:
                    if before in begun:
                        return True
                    if before is not None and before not in done:
                        path.append(before)
    return False


def _look_up_lines_once() -> None:
    from theano.gof.utils import simple_extract_stack

    change(
        simple_extract_stack,
        "328d5da8da49ceea",
        {"linecache.getline(filename, lineno, f.f_globals)": "line_of(f)"},
        line_of=_line_of,
    )


_lines: dict[tuple[str, int], str] = {}


def _line_of(frame) -> str:
    """The line of code that `frame` is at; empty where it has no file."""
    place = frame.f_code.co_filename, frame.f_lineno
    if place not in _lines:
        _lines[place] = linecache.getline(*place, frame.f_globals)
    return _lines[place]


def _ask_scalars_once() -> None:
    from theano.tensor.elemwise import Elemwise

    change(
        Elemwise.get_output_info,
        "0366aa6f12b574c2",
        {
            "self.scalar_op.make_node(": "node_of(self.scalar_op,",
            "get_scalar_type(dtype=i.type.dtype).make_variable()": "i.type.dtype",
        },
        node_of=_node_of,
    )


MOST_SCALARS = 1000
_nodes: dict[tuple, tuple] = {}


def _node_of(scalar, *dtypes: str):
    """A node of the operation `scalar` on scalars of `dtypes`, to be looked at alone."""
    from theano.scalar import Composite, get_scalar_type

    def made():
        return scalar.make_node(*[get_scalar_type(dtype).make_variable() for dtype in dtypes])

    if isinstance(scalar, Composite):
        # Another one in every function, with a graph of its own.
        return made()
    # The operation itself, since those that are equal might yet answer differently; it is kept,
    # lest another have its number.
    key = (id(scalar), *dtypes)
    if key not in _nodes:
        if len(_nodes) == MOST_SCALARS:
            _nodes.clear()
        _nodes[key] = scalar, made()
    return _nodes[key][1]


def _compare_properties_one_by_one() -> None:
    from theano.gof.utils import MetaObject, object2

    def comparison():
        made = MetaObject.__new__.__code__.co_consts
        return next(code for code in made if getattr(code, "co_name", None) == "__eq__")

    before = comparison()
    change(
        MetaObject.__new__,
        "6507da20b0ece429",
        {
            "return (type(self) == type(other) and": (
                "return self is other or (type(self) is type(other) and have_equal("
            ),
            "tuple(getattr(self, a) for a in props) ==": "props, self,",
            "tuple(getattr(other, a) for a in props))": "other))",
        },
        have_equal=_have_equal,
    )
    # The classes that are there by now.
    classes = [object2]
    for each in classes:
        classes.extend(each.__subclasses__())
        method = vars(each).get("__eq__")
        if getattr(method, "__code__", None) is before:
            method.__code__ = comparison()


def _have_equal(names: tuple[str, ...], one, other) -> bool:
    """Whether the attributes `names` of both are equal, as tuples of them would be."""
    for name in names:
        first, second = getattr(one, name), getattr(other, name)
        if not (first is second or first == second):
            return False
    return True
