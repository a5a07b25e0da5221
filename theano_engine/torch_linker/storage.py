"""Values on the device: shared variables that live there, and results that are read late."""

from __future__ import annotations

import numpy as np
import torch
from numpy.lib.mixins import NDArrayOperatorsMixin
from theano.gof.link import Container

from theano_engine.torch_linker import backend

# Theano's dtypes by PyTorch's. PyTorch computes with uint16 and wider only in part.
DTYPES = {
    "bool": torch.bool,
    "int8": torch.int8,
    "int16": torch.int16,
    "int32": torch.int32,
    "int64": torch.int64,
    "uint8": torch.uint8,
    "float16": torch.float16,
    "float32": torch.float32,
    "float64": torch.float64,
}


def torch_dtype(name: str) -> torch.dtype:
    """PyTorch's dtype of Theano's dtype `name`; NotImplementedError where there is none."""
    if name not in DTYPES:
        raise NotImplementedError(f"no PyTorch counterpart of dtype {name}")
    return DTYPES[name]


def to_device(value: np.ndarray, device: str, what: str = "an array") -> torch.Tensor:
    """`value` as a tensor on `device`; on the CPU it may share `value`'s memory.

    Raises DeviceError, naming `what`, where it does not fit.
    """
    value = np.ascontiguousarray(value).reshape(np.shape(value))
    torch_dtype(value.dtype.name)
    tensor = torch.from_numpy(value if value.flags.writeable else value.copy())
    try:
        return tensor.to(device, non_blocking=True)
    except torch.OutOfMemoryError:
        size = f"{value.nbytes / 2**20:.0f} MiB"
        raise backend.out_of_memory(f"{what}, {size}", device) from None


class DeviceContainer(Container):
    """The container of a shared variable whose value, `storage[0]`, is a tensor on a device.

    Reading `value` gives a numpy array: a copy from a GPU, the tensor's own memory on the CPU.
    Assigning it writes into the tensor, so that every function that holds the tensor sees it.
    """

    device = "cpu"

    def _read(self):
        value = self.storage[0]
        return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value

    def _write(self, value):
        if self.readonly:
            raise TypeError(f"cannot set the read-only value of {self.name}")
        options = {"strict": True} if self.strict else {}
        if self.allow_downcast is not None:
            options["allow_downcast"] = self.allow_downcast
        array = self.type.filter(np.asarray(value), **options)
        known = self.storage[0]
        if isinstance(known, torch.Tensor) and tuple(known.shape) == array.shape:
            known.copy_(torch.from_numpy(np.ascontiguousarray(array).reshape(array.shape)))
        else:
            self.storage[0] = to_device(np.array(array), self.device, _described(self))

    value = property(_read, _write)
    data = value

    def __deepcopy__(self, memo):
        duplicate = Container(self, [self.storage[0].clone()], self.readonly, self.strict)
        duplicate.allow_downcast, duplicate.name = self.allow_downcast, self.name
        duplicate.__class__, duplicate.device = DeviceContainer, self.device
        return duplicate


def move(container: Container, device: str) -> None:
    """Move the value of a shared variable's `container` to `device`, where it stays.

    Raises DeviceError where the variable lives on another device or does not fit.
    """
    value = container.storage[0]
    if isinstance(value, torch.Tensor):
        if str(value.device) != device:
            raise backend.DeviceError(
                f"{_described(container)} lives on {value.device}; a function on {device} "
                "cannot use it as well"
            )
    elif isinstance(value, np.ndarray):
        container.storage[0] = to_device(value, device, _described(container))
    else:
        raise NotImplementedError(
            f"{_described(container)} holds a {type(value).__name__}; on a device only arrays can "
            "be shared (random streams: theano.sandbox.rng_mrg.MRG_RandomStreams)"
        )
    container.__class__ = DeviceContainer
    container.device = device


def _described(container: Container) -> str:
    return f"the shared variable {container.name!r}" if container.name else "a shared variable"


class DeviceArray(NDArrayOperatorsMixin):
    """A result that is still on the device; the first look at its values waits for them.

    `shape`, `dtype` and `ndim` are known at once. `float()`, `numpy.asarray()`, indexing and
    arithmetic copy the values to the host, once.
    """

    def __init__(self, tensor: torch.Tensor, dtype: str):
        self._tensor = tensor
        self._host: np.ndarray | None = None
        self.shape = tuple(tensor.shape)
        self.dtype = np.dtype(dtype)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return self._tensor.numel()

    def __array__(self, dtype=None, copy=None):
        if self._host is None:
            self._host = self._tensor.cpu().numpy()
        return np.array(self._host, dtype) if copy else np.asarray(self._host, dtype)

    def __array_ufunc__(self, ufunc, method, *inputs, **keywords):
        hosts = [np.asarray(x) if isinstance(x, DeviceArray) else x for x in inputs]
        return getattr(ufunc, method)(*hosts, **keywords)

    def __float__(self):
        return float(self.__array__())

    def __int__(self):
        return int(self.__array__())

    def __bool__(self):
        return bool(self.__array__())

    def __len__(self):
        return len(self.__array__())

    def __getitem__(self, index):
        return self.__array__()[index]

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.__array__(), name)

    def __repr__(self):
        return f"DeviceArray({self.__array__()!r})"
