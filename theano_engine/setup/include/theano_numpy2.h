/* Theano 1.0.5's C code against the headers of numpy 2: put before the text of every module.
 *
 * Each definition names what was taken away. Theano's trial compilations know no headers. */
#ifndef THEANO_NUMPY2_H
#define THEANO_NUMPY2_H
#if __has_include(<Python.h>) && __has_include(<numpy/numpyconfig.h>)

/* Only modules made for numpy 2 alone may read `descr->elsize` as a field. */
#define NPY_TARGET_VERSION NPY_2_0_API_VERSION

#include <Python.h>
#include <numpy/arrayobject.h>
#include <numpy/arrayscalars.h>

/* Python 2's names for whole numbers came with npy_3kcompat.h, which ndarrayobject.h included. */
#define NPY_PY3K 1
#define PyInt_Check PyLong_Check
#define PyInt_AsLong PyLong_AsLong
#define PyInt_AS_LONG PyLong_AsLong
#define PyInt_FromLong PyLong_FromLong

/* numpy 1's word for "over all axes"; Theano uses it for nothing else. */
#undef NPY_MAXDIMS
#define NPY_MAXDIMS NPY_RAVEL_AXIS

#ifdef __cplusplus
/* Complex numbers were structures of two fields; now they are C99's own type. */
struct theano_npy_complex64 {
    npy_float32 real, imag;
    operator npy_cfloat() const { npy_cfloat c = {{real, imag}}; return c; }
};
struct theano_npy_complex128 {
    npy_float64 real, imag;
    operator npy_cdouble() const { npy_cdouble c = {{real, imag}}; return c; }
};
#define npy_complex64 theano_npy_complex64
#define npy_complex128 theano_npy_complex128
#endif

#endif
#endif
