"""Is there a PyTorch, and the device that was asked for? If not: one line that says what to do."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

from theano_engine.setup.errors import SetupError

OLDEST_TORCH = (2, 6)


class DeviceError(SetupError):
    """PyTorch or the device cannot do what was asked; the message is one line."""


def require(device: str) -> str:
    """The device's full name ("cpu", "cuda:0") once PyTorch and the device are known to be there.

    Raises DeviceError.
    """
    _require_torch()
    import torch

    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdigit()):
        raise DeviceError(f"no device {device!r}: cpu, cuda or cuda:NUMBER")
    if kind == "cpu":
        return "cpu"
    if torch.version.cuda is None:
        raise DeviceError(
            f"device {device}: the installed PyTorch {torch.__version__} was built without CUDA; "
            "install a CUDA build (pytorch.org/get-started)"
        )
    if not torch.cuda.is_available():
        raise DeviceError(
            f"device {device}: PyTorch {torch.__version__} finds no usable CUDA GPU "
            "(does nvidia-smi list one, with a driver for CUDA "
            f"{torch.version.cuda} or later?)"
        )
    index = int(number or torch.cuda.current_device())
    if index >= torch.cuda.device_count():
        raise DeviceError(
            f"device {device}: there are {torch.cuda.device_count()} CUDA GPUs, counted from 0"
        )
    return f"cuda:{index}"


def describe(device: str) -> dict[str, str]:
    """What the bits of a result on `device` ("cpu", "cuda") may depend on, by name."""
    import torch

    found: dict[str, str] = {"torch": str(torch.__version__)}
    if device == "cuda":
        found["GPU"] = torch.cuda.get_device_name()
        found["CUDA"] = str(torch.version.cuda)
        found["driver"] = _driver()
        found["cuDNN"] = str(torch.backends.cudnn.version())
    return found


def _driver() -> str:
    """The version of the kernel's NVIDIA driver."""
    try:
        told = Path("/proc/driver/nvidia/version").read_text()
    except OSError:
        return "unknown"
    version = re.search(r"\b\d+\.\d+(\.\d+)?\b", told)
    return version[0] if version else "unknown"


def _require_torch() -> None:
    oldest = ".".join(map(str, OLDEST_TORCH))
    try:
        installed = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        raise DeviceError(
            f"PyTorch is not installed: pip install 'torch>={oldest}' (the optional extra [cuda])"
        ) from None
    if tuple(int(part) for part in re.findall(r"\d+", installed)[:2]) < OLDEST_TORCH:
        raise DeviceError(
            f"PyTorch {installed} is too old: pip install --upgrade 'torch>={oldest}'"
        )
    try:
        import torch  # noqa: F401
    except (ImportError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise DeviceError(f"PyTorch {installed} cannot be imported: {reason}") from None


def out_of_memory(what: str, device: str) -> DeviceError:
    """The error that says that `what` did not fit into the device's memory."""
    import torch

    room = ""
    if device.startswith("cuda"):
        free, total = torch.cuda.mem_get_info(device)
        room = f" (of {total / 2**30:.1f} GiB, {free / 2**30:.1f} GiB are free)"
    return DeviceError(
        f"too little memory on {device} for {what}{room}: use smaller batches, a smaller network "
        "or fewer images, or end what else runs there"
    )
