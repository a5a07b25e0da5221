// One step of Adam (Kingma and Ba, arXiv 1412.6980, algorithm 1) on a parameter that stays within
// bounds, in one pass over memory.
#ifndef ADAM_STEP_H
#define ADAM_STEP_H

#include <math.h>
#include <stddef.h>

namespace adam_step {

struct Constants {
    float first_decay, first_weight;    // m = first_decay * m + first_weight * g
    float second_decay, second_weight;  // v = second_decay * v + second_weight * g^2
    float epsilon, low, high;
};

// parameter = clip(parameter + rate * m / (epsilon + sqrt(v)), low, high); `rate` is negative to
// descend. Outputs may be the inputs themselves.
static void step(ptrdiff_t count, const Constants& c, float rate, const float* parameter,
                 const float* gradient, const float* first, const float* second, int threads,
                 float* new_parameter, float* new_first, float* new_second) {
#pragma omp parallel for simd schedule(static) num_threads(threads)
    for (ptrdiff_t i = 0; i < count; i++) {
        const float g = gradient[i];
        const float m = c.first_decay * first[i] + c.first_weight * g;
        const float v = c.second_decay * second[i] + c.second_weight * (g * g);
        const float moved = parameter[i] + rate * m / (c.epsilon + sqrtf(v));
        new_first[i] = m;
        new_second[i] = v;
        // NaN passes through, as through Theano's clip.
        new_parameter[i] = moved < c.low ? c.low : moved > c.high ? c.high : moved;
    }
}

}  // namespace adam_step

#endif
