"""A bounded parameter's step of Adam as one Op."""

from __future__ import annotations

import theano.scalar as scalar
import theano.tensor as T
from theano.gof import Apply, ParamsType

from theano_engine.ops.kernel_op import KernelOp

_CONSTANTS = (
    *("first_decay", "first_weight", "second_decay", "second_weight"),
    *("epsilon", "low", "high"),
)


class AdamStep(KernelOp):
    """Adam's step on a parameter that is clipped to [low, high] (arXiv 1412.6980, algorithm 1).

    Inputs, float32: parameter, gradient, first and second moment (all of one shape) and the scalar
    rate, which holds bias correction, learning rate and their sign. Outputs: parameter, first and
    second moment after the step,

        m <- first_decay * m + first_weight * g
        v <- second_decay * v + second_weight * g^2
        parameter <- clip(parameter + rate * m / (epsilon + sqrt(v)), low, high)

    With `inplace` the outputs take the storage of the inputs. Raises ValueError where shapes
    differ.
    """

    kernel = "adam_step.h"
    __props__ = (*_CONSTANTS, "inplace")
    params_type = ParamsType(**dict.fromkeys(_CONSTANTS, scalar.float64))

    def __init__(self, inplace=False, **constants):
        for name in _CONSTANTS:
            setattr(self, name, float(constants.pop(name)))
        if constants:
            raise TypeError(f"AdamStep has no {', '.join(constants)}")
        self.inplace = inplace
        if inplace:
            self.destroy_map = {0: [0], 1: [2], 2: [3]}

    def working_inplace(self):
        """The same Op with outputs in the storage of inputs."""
        return AdamStep(inplace=True, **{name: getattr(self, name) for name in _CONSTANTS})

    def make_node(self, parameter, gradient, first, second, rate):
        arrays = [T.as_tensor_variable(v) for v in (parameter, gradient, first, second)]
        rate = T.as_tensor_variable(rate)
        if rate.ndim or any(v.dtype != "float32" for v in (*arrays, rate)):
            raise TypeError("AdamStep takes float32 arrays and a float32 scalar")
        if len({v.ndim for v in arrays}) > 1:
            raise TypeError("AdamStep: parameter, gradient and moments differ in dimensions")
        outputs = [arrays[i].type() for i in (0, 2, 3)]
        return Apply(self, [*arrays, rate], outputs)

    def infer_shape(self, node, shapes):
        return [shapes[0], shapes[2], shapes[3]]

    def c_code(self, node, name, inputs, outputs, sub):
        parameter, gradient, first, second, rate = inputs
        fail, params = sub["fail"], sub["params"]
        constants = ", ".join(f"(float){params}->{name}" for name in _CONSTANTS)
        allocate = "".join(
            f"if (!stepped_output(&{output}, {source}, {int(self.inplace)})) {{ {fail} }}\n"
            for output, source in zip(outputs, (parameter, first, second))
        )
        new_parameter, new_first, new_second = (f"(float *)PyArray_DATA({v})" for v in outputs)
        return f"""
        {{
            if (!PyArray_SAMESHAPE({parameter}, {gradient})
                || !PyArray_SAMESHAPE({parameter}, {first})
                || !PyArray_SAMESHAPE({parameter}, {second})) {{
                PyErr_SetString(PyExc_ValueError,
                                "AdamStep: parameter, gradient and moments differ in shape");
                {fail}
            }}
            const adam_step::Constants constants = {{{constants}}};
            Contiguous parameter({parameter}), gradient({gradient}), first({first}),
                second({second});
            if (!parameter.array || !gradient.array || !first.array || !second.array) {{ {fail} }}
            {allocate}
            Py_BEGIN_ALLOW_THREADS
            adam_step::step(PyArray_SIZE({parameter}), constants,
                            *(const float *)PyArray_DATA({rate}), parameter.data(),
                            gradient.data(), first.data(), second.data(), kernel_threads(),
                            {new_parameter}, {new_first}, {new_second});
            Py_END_ALLOW_THREADS
        }}
        """

    def c_support_code(self):
        return (
            super().c_support_code()
            + """
            static bool stepped_output(PyArrayObject **output, PyArrayObject *source, int inplace) {
                if (!inplace || !PyArray_IS_C_CONTIGUOUS(source))
                    return fresh_output(output, PyArray_NDIM(source), PyArray_DIMS(source));
                Py_INCREF(source);
                Py_XDECREF(*output);
                *output = source;
                return true;
            }
            """
        )
