// What Theano's generator puts first into every module, in its order. Theano's trial compilations,
// of OpenMP say, know none of these headers.
#ifdef THEANO_NUMPY2_TEXT
#include "theano_numpy2.h"
#endif
#if __has_include(<Python.h>) && __has_include(<numpy/arrayobject.h>) \
    && __has_include("theano_mod_helper.h")
#include <Python.h>
#include <iostream>
#include "theano_mod_helper.h"
#include <math.h>
#include <numpy/arrayobject.h>
#include <numpy/arrayscalars.h>
#include <vector>
#include <algorithm>
#endif
