"""What Theano 1.0.5 does in every start for nothing, left until somebody asks for it.

Reading the compile cache makes every fused operation (Composite) of every module that was ever
compiled able to compute in Python, which the C code of the modules is there to spare; and each
replacement that a graph refuses has Python look through all loaded modules for the caller's text.
"""

from __future__ import annotations

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


def _make_when_asked_for(composite, name: str):
    """The attributes `fgraph` and `_impls` of a Composite that was read or copied."""
    if name == "fgraph":
        composite.init_fgraph()
    elif name == "_impls":
        composite.init_py_impls()
    else:
        raise AttributeError(f"{type(composite).__name__} has no attribute {name!r}")
    return composite.__dict__[name]
